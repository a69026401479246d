/** Facts of a Mac: what the rest of the agent uses of this folder. */
export { collectFacts } from './collect.ts';
export { factsSha256 } from './facts-hash.ts';
export { readSessionFacts, type SessionFacts } from './session-facts.ts';
