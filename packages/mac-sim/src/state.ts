/** The state of a simulated Mac, for everybody who needs it: what it is (`state-model`) and how it is read and changed (`store`). */
export * from './state-model.ts';
export { isSimulated, loadState, updateState, writeNewState } from './store.ts';
