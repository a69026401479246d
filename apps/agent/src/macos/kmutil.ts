/**
 * kmutil: kernel collections. Seen: macOS 11 to 26.6. `No variant specified, falling back to release` on stderr is normal.
 * This module reads (inspect, showloaded); kmutil-create.ts builds. configure-boot belongs to a person in recoveryOS.
 */
import { firstReading, known, type Reading, unknown } from './reading.ts';
import { linesOf, quote } from './text.ts';
import { type Output, readTool, type ToolContext } from './tool.ts';

export const KMUTIL = '/usr/bin/kmutil';
export const kmutilInspectArgs = (): readonly string[] => ['inspect', '-V', 'release', '--no-header'];
const kmutilShowLoadedArgs = (collection: 'aux' | 'boot'): readonly string[] => [
  'showloaded',
  '--collection',
  collection,
];

export interface Bundle {
  readonly id: string;
  readonly version: string;
  readonly path: string;
}

export interface LoadedKext {
  readonly id: string;
  readonly version: string;
  readonly uuid: string | null;
}

const APPLE = 'com.apple.';

/** Third-party kexts that are loaded from the auxiliary collection. */
export function readAuxiliaryKexts(context: ToolContext): Promise<Reading<readonly LoadedKext[]>> {
  const call = { path: KMUTIL, args: kmutilShowLoadedArgs('aux') };
  return readTool(context, call, (output) => {
    const loaded = parseShowLoaded(output);
    return loaded.ok ? known(loaded.value.filter(({ id }) => !id.startsWith(APPLE))) : loaded;
  });
}

/**
 * Rows `id TAB version TAB path`; the version may lack. Other lines are left out, but one of Apple's bundles that cannot be read makes
 * the list unknown: a collection without it would be built, and fail at the boot.
 */
export function parseInspect({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<readonly Bundle[]> {
  const rows = linesOf(stdout).map((line) => {
    const match = /^\s*([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+)[\t ]+(?:([^\t /]+)[\t ]+)?(\/.*?)\s*$/.exec(line);
    return match === null ? line : { id: match[1] ?? '', version: match[2] ?? '', path: match[3] ?? '' };
  });
  const broken = rows.find((row) => typeof row === 'string' && /^\s*com\.apple\./.test(row));
  if (broken !== undefined) return unknown(`kmutil inspect printed a row of another form: ${quote(String(broken))}`);
  const bundles = rows.filter((row) => typeof row !== 'string');
  return bundles.some(({ id }) => id.startsWith(APPLE))
    ? known(bundles)
    : unknown(`kmutil inspect listed no bundle of Apple: ${quote(stderr, stdout)}`);
}

/** Bundles to ask for: Apple's only, without those that cannot be linked (SEPHiber) and without the build's drop list. */
export function bundlesToLink(bundles: readonly Bundle[], drop: readonly string[]): readonly string[] {
  const ids = bundles
    .filter(({ id, path }) => id.startsWith(APPLE) && !`${id} ${path}`.includes('SEPHiber'))
    .map(({ id }) => id);
  return [...new Set(ids)].filter((id) => !drop.includes(id));
}

/** The table of `kmutil showloaded`; its header must be there, so that an error is not taken for "none loaded". */
export function parseShowLoaded({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<readonly LoadedKext[]> {
  return firstReading([stdout, stderr], (text) => tableIn(linesOf(text), quote(stderr, stdout)));
}

function tableIn(lines: readonly string[], printed: string): Reading<readonly LoadedKext[]> {
  const header = lines.findIndex((line) => /^\s*Index\s+Refs\s+Address\s+Size\s+Wired\s+Name/.test(line));
  if (header < 0) return unknown(`kmutil showloaded printed no table: ${printed}`);
  const rows = lines.slice(header + 1).filter((line) => line.trim() !== '');
  const kexts = rows.map(parseLoadedRow);
  const broken = kexts.indexOf(null);
  if (broken >= 0) return unknown(`kmutil showloaded printed a row of another form: ${quote(rows[broken] ?? '')}`);
  return known(kexts.filter((kext) => kext !== null));
}

function parseLoadedRow(row: string): LoadedKext | null {
  const match =
    /^\s*\d+\s+\d+\s+\S+\s+\S+\s+\S+\s+([A-Za-z0-9_.-]+)\s+\(([^)]*)\)(?:\s+([0-9A-Fa-f-]{36}))?(?:\s|$)/.exec(row);
  return match === null ? null : { id: match[1] ?? '', version: match[2] ?? '', uuid: match[3]?.toUpperCase() ?? null };
}
