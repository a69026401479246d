/** Room on a Mac whose container has a size: its volumes share it, so all files of the Mac count. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { simPaths } from './paths.ts';
import type { SimState } from './state-model.ts';

/** Null = the container has no size. */
export function freeBytes(dir: string, { volumes: { sizeBytes } }: SimState): number | null {
  return sizeBytes === undefined ? null : sizeBytes - usedBytes(dir);
}

/** What only the simulator knows is no file of the Mac; Preboot is one. */
export function usedBytes(dir: string): number {
  const { root, sim, preboot } = simPaths(dir);
  return sizeOf(root, sim) + sizeOf(preboot, null);
}

function sizeOf(folder: string, left: string | null): number {
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => path !== left)
    .reduce((sum, path) => {
      const entry = lstatSync(path);
      return sum + (entry.isDirectory() ? sizeOf(path, left) : entry.size);
    }, 0);
}
