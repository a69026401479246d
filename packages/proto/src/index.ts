/** The wire between agents and controller: messages, codecs and service definition, generated from proto/agent.proto. */
export * from './gen/agent.ts';
