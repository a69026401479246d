/** What others may use of the simulated Mac. */
export { type SimPaths, simPaths } from './paths.ts';
export * from './state.ts';
