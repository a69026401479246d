/** The agent is a program, not a library: main.ts. This is what tests that cross borders use. */
export { AGENT_VERSION } from './version.ts';
