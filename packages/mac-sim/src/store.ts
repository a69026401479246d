/**
 * Reads and changes the state file. Guarantee: changes are made one at a time across processes, are written whole or not at
 * all, and every rendered output follows the state before the change is over.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { writeFileAtomic } from './files.ts';
import { withLock } from './lock.ts';
import { simPaths } from './paths.ts';
import { renderOutputs } from './render/render.ts';
import type { SimState } from './state-model.ts';

const MARKER_KEY = 'headroom-mac-sim';

export function loadState(dir: string): SimState {
  const { state: path } = simPaths(dir);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`${dir} is not a simulated Mac: ${(error as Error).message}. Make one with: mac-sim create ${dir}`);
  }
  const state = JSON.parse(text) as SimState;
  if (state.schemaVersion !== 1)
    throw new Error(`${path}: expected schemaVersion 1, found ${String(state.schemaVersion)}. Make the Mac anew.`);
  return state;
}

/** `change` alters the draft it is given; what it throws leaves everything as it was. Returns the new state. */
export function updateState(dir: string, change: (draft: SimState) => void): SimState {
  return withLock(simPaths(dir).lock, () => {
    const draft = loadState(dir);
    change(draft);
    save(dir, draft);
    return draft;
  });
}

/** First write of a Mac that `create` has just composed. */
export function writeNewState(dir: string, state: SimState): void {
  const paths = simPaths(dir);
  mkdirSync(paths.sim, { recursive: true, mode: 0o700 });
  writeFileAtomic(paths.marker, `${JSON.stringify({ [MARKER_KEY]: 1, id: state.id })}\n`);
  withLock(paths.lock, () => save(dir, state));
}

/** The state last: a save that was cut is made again, as the Mac still says that it stands where it stood. */
function save(dir: string, state: SimState): void {
  renderOutputs(dir, state);
  writeFileAtomic(simPaths(dir).state, `${JSON.stringify(state, null, 2)}\n`, 0o600);
}

/** Does the directory carry the simulator's marker? */
export function isSimulated(dir: string): boolean {
  try {
    return (JSON.parse(readFileSync(simPaths(dir).marker, 'utf8')) as Record<string, unknown>)[MARKER_KEY] === 1;
  } catch {
    return false;
  }
}
