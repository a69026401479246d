/** How long the slow programs take on one simulated Mac, so that a kill can hit them in the middle. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../files.ts';
import { simPaths } from '../paths.ts';

export interface Pace {
  readonly kmutilCreateMs: number;
  readonly installerMs: number;
}

const DEFAULT: Pace = { kmutilCreateMs: 300, installerMs: 300 };

function pacePath(root: string): string {
  return join(simPaths(root).sim, 'pace.json');
}

export function readPace(root: string): Pace {
  try {
    return { ...DEFAULT, ...(JSON.parse(readFileSync(pacePath(root), 'utf8')) as Partial<Pace>) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return DEFAULT;
    throw error;
  }
}

export function writePace(root: string, pace: Partial<Pace>): void {
  writeFileAtomic(pacePath(root), JSON.stringify({ ...readPace(root), ...pace }));
}
