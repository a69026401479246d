/**
 * A copy of a file or a folder in which everything has the modes it had. `cpSync` of Node 22 and 24 gives the folders of a copy those of the
 * umask, unless it is asked about each entry: no Postgres starts in such a one, and an agent's home would be readable by all.
 */
import { type CopySyncOptions, cpSync } from 'node:fs';

export function copyFolder(from: string, to: string, options: CopySyncOptions = {}): void {
  cpSync(from, to, { recursive: true, filter: () => true, ...options });
}
