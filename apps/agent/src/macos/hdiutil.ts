/** hdiutil: attaches a KDK image, read-only, on a folder of our own. Seen: macOS 11 to 26; always with -plist. */
import { dictsAt, type PlistDict, parsePlistDict, stringAt } from './plist.ts';
import { known, type Reading, unknown } from './reading.ts';
import { linesOf, matchIn, quote } from './text.ts';
import type { Output } from './tool.ts';

export const HDIUTIL = '/usr/bin/hdiutil';
export const HDIUTIL_TIMEOUT_MS = 5 * 60_000;
export const hdiutilAttachArgs = (image: string, mountPoint: string): readonly string[] => [
  ...['attach', '-plist', '-nobrowse', '-readonly', '-mountpoint', mountPoint],
  image,
];
export const hdiutilDetachArgs = (device: string, force = false): readonly string[] =>
  force ? ['detach', device, '-force'] : ['detach', device];
export const hdiutilInfoArgs = (): readonly string[] => ['info', '-plist'];

export interface AttachedImage {
  /** Whole device, `/dev/disk3`: detaching it takes all of the image. */
  readonly device: string;
  readonly mountPoint: string;
}

export interface ImageInUse {
  readonly device: string;
  /** null = attached, not mounted: an attach that was cut. */
  readonly mountPoint: string | null;
  readonly imagePath: string;
}

export function parseAttach({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<AttachedImage> {
  const dict = parsePlistDict(stdout);
  if (!dict.ok) return unknown(`hdiutil attach: ${quote(stderr, stdout)}`);
  const [device, mountPoint] = [deviceOf(dict.value), mountPointOf(dict.value)];
  if (device === null || mountPoint === null) return unknown('hdiutil attach named no mounted volume');
  return known({ device, mountPoint });
}

/** Images that are attached now, mounted or not, so that one left over can be detached. */
export function parseHdiutilInfo({
  stdout,
  stderr,
}: Pick<Output, 'stdout' | 'stderr'>): Reading<readonly ImageInUse[]> {
  const dict = parsePlistDict(stdout);
  const images = dict.ok ? dictsAt(dict.value, 'images') : null;
  if (images === null) return unknown(`hdiutil info: ${quote(stderr, stdout)}`);
  return known(
    images.flatMap((entry) => {
      const [device, imagePath] = [deviceOf(entry), stringAt(entry, 'image-path')];
      return device === null || imagePath === null ? [] : [{ device, mountPoint: mountPointOf(entry), imagePath }];
    }),
  );
}

/** `"disk7" ejected.` */
export function parseDetach({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<string> {
  const device = matchIn(linesOf(stdout), /^\s*"?(disk[0-9]+(?:s[0-9]+)*)"? ejected\.?\s*$/)?.[1];
  return device === undefined ? unknown(`hdiutil detach: ${quote(stderr, stdout)}`) : known(device);
}

function mountPointOf(image: PlistDict): string | null {
  const points = entitiesOf(image).map((entity) => stringAt(entity, 'mount-point'));
  return points.find((point) => point !== null && point !== '') ?? null;
}

/** In no order that can be relied on, and an APFS image has a second, synthesized disk in it: the one with the partition scheme is the image. */
function deviceOf(image: PlistDict): string | null {
  const entities = entitiesOf(image);
  const scheme = entities.find((entity) => /_partition_scheme$/.test(stringAt(entity, 'content-hint') ?? ''));
  const devices = (scheme === undefined ? entities : [scheme]).flatMap(
    (entity) => /^\/dev\/disk[0-9]+/.exec(stringAt(entity, 'dev-entry') ?? '') ?? [],
  );
  return devices[0] ?? null;
}

function entitiesOf(image: PlistDict): readonly PlistDict[] {
  return dictsAt(image, 'system-entities') ?? [];
}
