/**
 * The extensions that every macOS has on its sealed volume, for the installed build. The programs call this before they
 * look there, so a Mac just made or just updated has them too.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../files.ts';
import { withLock } from '../lock.ts';
import type { OsState } from '../state.ts';
import { BUNDLES, type BundleRow, THIRD_PARTY_BUNDLE, UNLINKABLE_BUNDLES } from './bundles.ts';
import { placeFile } from './container.ts';
import { bundleFiles } from './extensions.ts';

export const SYSTEM_EXTENSIONS = '/System/Library/Extensions';

export function placeSystemExtensions(root: string, os: Pick<OsState, 'version' | 'baseBuild'>): void {
  const stamp = join(root, '.mac-sim/system-extensions');
  const isCurrent = (): boolean => existsSync(stamp) && readFileSync(stamp, 'utf8') === os.baseBuild;
  if (isCurrent()) return;
  withLock(`${stamp}.lock`, () => {
    if (isCurrent()) return;
    const folder = join(root, SYSTEM_EXTENSIONS);
    const system = { version: os.version, build: os.baseBuild };
    const place = (row: BundleRow, where: string): void => {
      for (const file of bundleFiles(row, system)) placeFile(where, file);
    };
    rmSync(folder, { recursive: true, force: true });
    for (const row of [...BUNDLES, ...UNLINKABLE_BUNDLES]) place(row, folder);
    place(THIRD_PARTY_BUNDLE, join(root, 'Library/Extensions'));
    writeFileAtomic(stamp, os.baseBuild);
  });
}
