/** Version of the agent as it reports it; equals apps/agent/package.json (a test holds both together). */
export const AGENT_VERSION = '0.1.0';
