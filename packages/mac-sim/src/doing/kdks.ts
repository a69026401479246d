/** KDKs that are installed on a simulated Mac, as kmutil finds them: by the build in their own version file. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { plistString, readPlist } from './read-plist.ts';

export const KDKS_FOLDER = '/Library/Developer/KDKs';

export interface InstalledKdk {
  /** Path of the Mac. */
  readonly path: string;
  readonly build: string;
}

/** A KDK without a readable version file has no build and does not count. */
export function installedKdks(root: string): InstalledKdk[] {
  const folder = join(root, KDKS_FOLDER);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.kdk'))
    .sort()
    .flatMap((name) => {
      const path = `${KDKS_FOLDER}/${name}`;
      const build = kdkBuild(join(root, path));
      return build === null ? [] : [{ path, build }];
    });
}

export function kdkBuild(folder: string): string | null {
  try {
    const text = readFileSync(join(folder, 'System/Library/CoreServices/SystemVersion.plist'), 'utf8');
    return plistString(readPlist(text), 'ProductBuildVersion');
  } catch {
    return null;
  }
}
