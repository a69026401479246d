/**
 * What a killed agent left half made, away with it at the next start: builds, laid-out packages, writes that were cut. To be called
 * with the lock held and the killed one's tools ended. What is gone on with stays: the journal, the part of an image.
 */
import { rm } from 'node:fs/promises';
import { namesIn } from '../file-looks.ts';
import { isTemporaryName } from '../files.ts';
import type { Log } from '../log.ts';
import type { Mac } from '../mac.ts';
import { HOME, JOURNAL_FOLDER, KC_FOLDER, KDK_FOLDER, KIT_FOLDER } from '../paths.ts';
import { BUILD_PREFIX } from './kc/collection.ts';
import { PARTS_PREFIX } from './kdk/package.ts';
import { ownKitFolder } from './kit/folder.ts';

const HALF_MADE: readonly (readonly [folder: string, isHalfMade: (name: string) => boolean])[] = [
  [HOME, isTemporaryName],
  [JOURNAL_FOLDER, isTemporaryName],
  [KC_FOLDER, (name) => name.startsWith(BUILD_PREFIX) || isTemporaryName(name)],
  [KDK_FOLDER, (name) => name.startsWith(PARTS_PREFIX)],
  [KIT_FOLDER, isTemporaryName],
];

/** Trouble with it is told and keeps nobody: the step that needs the place clears it, too. */
export async function clearLeftBehind(mac: Mac, log: Log): Promise<void> {
  for (const [folder, isHalfMade] of HALF_MADE) {
    try {
      const left = (await namesIn(mac.path(folder))).filter(isHalfMade);
      if (left.length > 0 && folder === KIT_FOLDER) await ownKitFolder(mac);
      for (const name of left) await rm(`${mac.path(folder)}/${name}`, { recursive: true, force: true });
      if (left.length > 0) log(`removed from ${folder} what a killed agent left: ${left.join(' ')}`);
    } catch (error) {
      log(`left behind in ${folder}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
