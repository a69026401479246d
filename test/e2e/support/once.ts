/** What is held of a fleet whose processes were killed: nothing done twice, nothing left lying. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect } from 'vitest';
import { ENDED_ONCE } from '../../chaos/judge.ts';
import { waitForValue } from '../../support/wait-for.ts';
import type { TestFleet } from './fleet.ts';

/** Jobs whose end was accepted more or less often than once. */
export function finishedNotOnce(fleet: TestFleet) {
  return fleet.sql(ENDED_ONCE);
}

/** One kernel collection, and nothing of a job, a tool or a write that was cut. */
export async function expectClean(dir: string): Promise<void> {
  const home = join(dir, 'private/var/db/headroom');
  expect(readdirSync(join(home, 'kc')).filter((name) => name.endsWith('.kc'))).toHaveLength(1);
  // What runs at this moment is noted there too; only a job's record would be left over.
  expect(namesIn(join(home, 'journal')).filter((name) => !name.startsWith('.tool-'))).toEqual([]);
  for (const name of ['kdk', 'mnt']) expect(namesIn(join(home, name))).toEqual([]);
  const mounts = join(dir, '.mac-sim/mounts.json');
  expect(existsSync(mounts) ? JSON.parse(readFileSync(mounts, 'utf8')) : []).toEqual([]);
  // A file that the living agent writes at this very moment is none; one that a kill left is gone with the next write.
  await waitForValue(() => leftovers(home), []);
  expect(leftovers(join(dir, 'Library/Headroom'))).toEqual([]);
}

function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** Half-written files, by the names that all our atomic writes use. */
export function leftovers(folder: string, except: readonly string[] = []): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((path) => /\.(part|tmp|new)$/.test(path) && !except.some((name) => path.startsWith(`${name}/`)));
}
