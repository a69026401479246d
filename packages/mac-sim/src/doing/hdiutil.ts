/** hdiutil attach, detach and info over simulated images. */
import { existsSync, lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { dict, type PlistValue, plist } from '../render/plist.ts';
import { ContainerError, readContainer } from './container.ts';
import { captured, documented, invented } from './forms.ts';
import { type Call, type Program, Refusal } from './io.ts';
import type { ImageMeta } from './kdk-image.ts';
import { asMacPath, isSealed, onDisk } from './mac-path.ts';
import { addMount, type Mount, readMounts, removeMounts } from './mounts.ts';

export const HDIUTIL_FORMS = {
  notRecognized: captured(
    'hdiutil/attach-not-recognized.stderr.txt',
    () => 'hdiutil: attach failed - image not recognized\n',
  ),
  notMountable: captured(
    'hdiutil/attach-failed.stderr.txt',
    () => 'hdiutil: attach failed - no mountable file systems\n',
  ),
  attachPlist: captured('hdiutil/attach-hfs.plist', (disk: string, mountPoint: string) =>
    plist(dict({ 'system-entities': entities(disk, mountPoint) })),
  ),
  attachText: documented(
    'columns as in hdiutil/attach-text-apfs.txt, rows of an HFS image',
    (disk: string, mountPoint: string) =>
      [
        [`/dev/disk${disk}`, 'Apple_partition_scheme', ''],
        [`/dev/disk${disk}s1`, 'Apple_partition_map', ''],
        [`/dev/disk${disk}s2`, 'Apple_HFS', mountPoint],
      ]
        .map(([device = '', hint = '', place]) => `${device.padEnd(20)}\t${hint.padEnd(31)}\t${place}\n`)
        .join(''),
  ),
  detached: captured('hdiutil/detach.txt', (disk: string) => `"disk${disk}" ejected.\n`),
  missing: documented(
    'strerror text after the verb',
    (verb: string) => `hdiutil: ${verb} failed - No such file or directory\n`,
  ),
  readOnly: documented('strerror text after the verb', () => 'hdiutil: attach failed - Read-only file system\n'),
  corrupt: invented('changed bytes inside a whole image', () => 'hdiutil: attach failed - corrupt image\n'),
  usage: invented('unknown verb or option', (what: string) => `hdiutil: unrecognized option or verb "${what}"\n`),
  infoPlist: documented(
    'hdiutil(1), info -plist; entities as in hdiutil/attach-hfs.plist',
    (mounts: readonly Mount[]) => {
      const images = mounts.map(({ image, disk, mountPoint }) =>
        dict({ 'image-path': image, 'system-entities': entities(String(disk), mountPoint) }),
      );
      return plist(dict({ images }));
    },
  ),
  infoText: documented(
    'hdiutil(1), info: cut to image path and devices',
    (image: string, rows: string) =>
      `================================================\nimage-path      : ${image}\n${rows}`,
  ),
};

const FLAGS = ['-nobrowse', '-readonly', '-noverify', '-noautoopen', '-noautofsck', '-plist', '-quiet', '-force'];
const VALUED = ['-mountpoint', '-owners'];

export const hdiutil: Program = (call) => {
  const [verb = '', ...rest] = call.args;
  if (verb === 'attach') return attach(call, parse(rest));
  if (verb === 'detach') return detach(call, parse(rest));
  if (verb === 'info') return info(call, parse(rest));
  throw new Refusal(HDIUTIL_FORMS.usage.text(verb));
};

interface Parsed {
  readonly flags: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, string>;
  readonly operand: string | null;
}

function parse(args: readonly string[]): Parsed {
  const flags = new Set<string>();
  const values = new Map<string, string>();
  let operand: string | null = null;
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? '';
    if (FLAGS.includes(arg)) flags.add(arg);
    else if (VALUED.includes(arg) && at + 1 < args.length) values.set(arg, args[++at] ?? '');
    else if (arg.startsWith('-') || operand !== null) throw new Refusal(HDIUTIL_FORMS.usage.text(arg));
    else operand = arg;
  }
  return { flags, values, operand };
}

function attach({ root, io }: Call, { flags, values, operand }: Parsed): number {
  const image = operand ?? '';
  const imagePath = onDisk(root, image);
  if (!lstatSync(imagePath, { throwIfNoEntry: false })?.isFile())
    throw new Refusal(HDIUTIL_FORMS.missing.text('attach'));
  const already = readMounts(root).find((mount) => mount.image === image);
  const mount = already ?? mountImage(root, image, imagePath, values.get('-mountpoint'));
  if (flags.has('-quiet')) return 0;
  const form = flags.has('-plist') ? HDIUTIL_FORMS.attachPlist : HDIUTIL_FORMS.attachText;
  io.out(form.text(String(mount.disk), mount.mountPoint));
  return 0;
}

function mountImage(root: string, image: string, imagePath: string, wanted: string | undefined): Mount {
  const { meta, files } = open(imagePath);
  const { volumeName } = meta as ImageMeta;
  if (wanted !== undefined && isSealed(wanted)) throw new Refusal(HDIUTIL_FORMS.readOnly.text());
  const folder = onDisk(root, wanted ?? freeVolume(root, volumeName));
  if (existsSync(folder) && !statSync(folder).isDirectory()) throw new Refusal(HDIUTIL_FORMS.notMountable.text());
  return addMount(root, { image, folder, files });
}

function open(imagePath: string): ReturnType<typeof readContainer> {
  try {
    return readContainer('disk image', imagePath);
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
    const form = error.kind === 'corrupt' ? HDIUTIL_FORMS.corrupt : HDIUTIL_FORMS.notRecognized;
    throw new Refusal(form.text());
  }
}

/** /Volumes/NAME, with a number when that is taken. */
function freeVolume(root: string, name: string): string {
  for (let number = 0; ; number += 1) {
    const path = `/Volumes/${name}${number === 0 ? '' : ` ${number}`}`;
    if (!existsSync(join(root, path))) return path;
  }
}

function detach({ root, io }: Call, { operand }: Parsed): number {
  const wanted = operand ?? '';
  const names = new Set([wanted, wanted.replace(/\/$/, '')]);
  const onMac = onDisk(root, wanted);
  if (existsSync(onMac)) names.add(asMacPath(root, onMac));
  const device = /^(?:\/dev\/)?disk(\d+)(?:s\d+)?$/.exec(wanted)?.[1];
  const gone = removeMounts(root, ({ mountPoint, disk }) => names.has(mountPoint) || String(disk) === device);
  const [mount] = gone;
  if (mount === undefined) throw new Refusal(HDIUTIL_FORMS.missing.text('detach'));
  io.out(HDIUTIL_FORMS.detached.text(String(mount.disk)));
  return 0;
}

function info({ root, io }: Call, { flags }: Parsed): number {
  const mounts = readMounts(root);
  if (flags.has('-plist')) io.out(HDIUTIL_FORMS.infoPlist.text(mounts));
  else {
    for (const { image, disk, mountPoint } of mounts) {
      io.out(HDIUTIL_FORMS.infoText.text(image, HDIUTIL_FORMS.attachText.text(String(disk), mountPoint)));
    }
  }
  return 0;
}

function entities(disk: string, mountPoint: string): PlistValue {
  const entity = (hint: string, device: string, mounted?: string) =>
    dict({
      'content-hint': hint,
      'dev-entry': `/dev/disk${device}`,
      'mount-point': mounted,
      'potentially-mountable': mounted !== undefined,
      'unmapped-content-hint': hint,
      'volume-kind': mounted === undefined ? undefined : 'hfs',
    });
  return [
    entity('Apple_partition_map', `${disk}s1`),
    entity('Apple_partition_scheme', disk),
    entity('Apple_HFS', `${disk}s2`, mountPoint),
  ];
}
