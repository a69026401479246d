/** hdiutil: attaches a KDK image, read-only, on a folder of our own. Seen: macOS 11 to 26; always with -plist. */
import { dictsAt, type PlistDict, parsePlistDict, stringAt } from './plist.ts';
import { known, type Reading, unknown } from './reading.ts';
import { quote } from './text.ts';
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

export interface ImageInUse extends AttachedImage {
  readonly imagePath: string;
}

export function parseAttach({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<AttachedImage> {
  const dict = parsePlistDict(stdout);
  if (!dict.ok) return unknown(`hdiutil attach: ${quote(stderr, stdout)}`);
  const image = imageOf(dict.value);
  return image === null ? unknown('hdiutil attach named no mounted volume') : known(image);
}

/** Images that are attached now and mounted, so that one left over can be detached. */
export function parseHdiutilInfo({
  stdout,
  stderr,
}: Pick<Output, 'stdout' | 'stderr'>): Reading<readonly ImageInUse[]> {
  const dict = parsePlistDict(stdout);
  const images = dict.ok ? dictsAt(dict.value, 'images') : null;
  if (images === null) return unknown(`hdiutil info: ${quote(stderr, stdout)}`);
  return known(
    images.flatMap((entry) => {
      const image = imageOf(entry);
      const imagePath = stringAt(entry, 'image-path');
      return image === null || imagePath === null ? [] : [{ ...image, imagePath }];
    }),
  );
}

/** `"disk7" ejected.` */
export function parseDetach({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<string> {
  const device = /^\s*"?(disk[0-9]+(?:s[0-9]+)*)"? ejected\.?\s*$/m.exec(stdout)?.[1];
  return device === undefined ? unknown(`hdiutil detach: ${quote(stderr, stdout)}`) : known(device);
}

function imageOf(dict: PlistDict): AttachedImage | null {
  const entities = dictsAt(dict, 'system-entities') ?? [];
  const mountPoint = entities
    .map((entity) => stringAt(entity, 'mount-point'))
    .find((point) => point !== null && point !== '');
  // In no order that can be relied on, and an APFS image has a second, synthesized disk in it: the one with the partition scheme is the image.
  const scheme = entities.find((entity) => /_partition_scheme$/.test(stringAt(entity, 'content-hint') ?? ''));
  const devices = (scheme === undefined ? entities : [scheme]).flatMap(
    (entity) => /^\/dev\/disk[0-9]+/.exec(stringAt(entity, 'dev-entry') ?? '') ?? [],
  );
  const device = devices[0];
  return mountPoint === undefined || mountPoint === null || device === undefined ? null : { device, mountPoint };
}
