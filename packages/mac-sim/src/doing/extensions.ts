/** Writes bundles as folders (`X.kext` with Info.plist and binary) and reads repositories of them back. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildBundleFile } from '../kernel/index.ts';
import { dict, plist } from '../render/plist.ts';
import type { BundleRow } from './bundles.ts';
import type { ContainerFile } from './container.ts';
import { plistKeys, plistString, readPlist } from './read-plist.ts';

const DEPTH_MAX = 6;
const BUNDLES_MAX = 4096;

/** A bundle's files, paths below an Extensions folder. */
export function bundleFiles(row: BundleRow, system: { version: string; build: string }): ContainerFile[] {
  const executable =
    row.path
      .split('/')
      .at(-1)
      ?.replace(/\.kext$/, '') ?? row.id;
  const info = dict({
    ...(row.codeless !== true && { CFBundleExecutable: executable }),
    CFBundleIdentifier: row.id,
    CFBundlePackageType: 'KEXT',
    CFBundleVersion: row.version,
    DTPlatformBuild: system.build,
    OSBundleLibraries: dict(Object.fromEntries(row.dependencies.map((id) => [id, '1.0']))),
  });
  const infoFile = { path: `${row.path}/Contents/Info.plist`, data: Buffer.from(plist(info)) };
  if (row.codeless === true) return [infoFile];
  const binary = buildBundleFile({ id: row.id, version: row.version, build: system.build, osVersion: system.version });
  return [infoFile, { path: `${row.path}/Contents/MacOS/${executable}`, data: binary, executable: true }];
}

export interface FoundBundle {
  readonly id: string;
  readonly version: string;
  /** System build it was made for; null when it does not say. */
  readonly build: string | null;
  readonly dependencies: readonly string[];
  /** On this machine; null = it has no code. */
  readonly binaryPath: string | null;
}

/** Bundles of several repositories; the first repository that has an id wins. Folders that do not exist hold nothing. */
export function readRepositories(folders: readonly string[]): Map<string, FoundBundle> {
  const found = new Map<string, FoundBundle>();
  for (const folder of folders) {
    for (const bundlePath of kextFolders(folder, DEPTH_MAX)) {
      const bundle = readBundle(bundlePath);
      if (bundle !== null && !found.has(bundle.id)) found.set(bundle.id, bundle);
      if (found.size > BUNDLES_MAX) throw new RangeError(`more than ${BUNDLES_MAX} bundles below ${folder}`);
    }
  }
  return found;
}

function kextFolders(folder: string, depth: number): string[] {
  if (depth === 0 || !lstatSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(folder)
    .sort()
    .filter((name) => name.endsWith('.kext'))
    .flatMap((name) => {
      const path = join(folder, name);
      return [path, ...kextFolders(join(path, 'Contents/PlugIns'), depth - 1)];
    });
}

function readBundle(path: string): FoundBundle | null {
  let info: ReturnType<typeof readPlist>;
  try {
    info = readPlist(readFileSync(join(path, 'Contents/Info.plist'), 'utf8'));
  } catch {
    return null; // A folder without a readable Info.plist is no bundle.
  }
  const id = plistString(info, 'CFBundleIdentifier');
  const executable = plistString(info, 'CFBundleExecutable');
  if (id === null || executable?.includes('/')) return null;
  return {
    id,
    version: plistString(info, 'CFBundleVersion') ?? '0',
    build: plistString(info, 'DTPlatformBuild'),
    dependencies: plistKeys(info, 'OSBundleLibraries'),
    binaryPath: executable === null ? null : join(path, 'Contents/MacOS', executable),
  };
}
