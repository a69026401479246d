import { join } from 'node:path';
import { simPaths } from '../paths.ts';

/** Where `reboot` and `shutdown` leave their word. */
export function endingFile(dir: string): string {
  return join(simPaths(dir).recovery, 'ending');
}
