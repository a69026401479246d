/** How a session ends that a tool ends: the tool leaves word, and the session's keeper ends it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../files.ts';
import { simPaths } from '../paths.ts';

const ENDINGS = ['reboot', 'shutdown', 'power-cut'] as const;
export type Ending = (typeof ENDINGS)[number];

const WAIT_MS_MAX = 30_000;

export function endingFile(dir: string): string {
  return join(simPaths(dir).recovery, 'ending');
}

/** Null as long as no tool ends the session. */
export function readEnding(path: string): Ending | null {
  try {
    const word = readFileSync(path, 'utf8');
    return ENDINGS.find((ending) => ending === word) ?? null;
  } catch {
    return null;
  }
}

/** Never returns by itself: the keeper ends this process with all others of the session. */
export function endSession(dir: string, ending: Ending): never {
  writeFileAtomic(endingFile(dir), ending);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MS_MAX);
  throw new Error(`nobody ended the session within ${WAIT_MS_MAX} ms`);
}
