/**
 * installer -pkg P -target /. Like the real one it checks no signature when root runs it. Files are placed one after the
 * other and the receipt last, so that a kill in the middle leaves a husk.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { placeFile } from './container.ts';
import { captured, documented, invented } from './forms.ts';
import { type Program, Refusal } from './io.ts';
import { onDisk } from './mac-path.ts';
import { readPace } from './pace.ts';
import { openPackage } from './package-file.ts';
import { readReceipt, writeReceipt } from './receipts.ts';

export const INSTALLER_FORMS = {
  name: captured('installer/success.txt', (title: string) => `installer: Package name is ${title}\n`),
  installing: captured('installer/success.txt', () => 'installer: Installing at base path /\n'),
  installed: captured('installer/success.txt', () => 'installer: The install was successful.\n'),
  upgrading: captured('installer/upgrade.txt', () => 'installer: Upgrading at base path /\n'),
  upgraded: captured('installer/upgrade.txt', () => 'installer: The upgrade was successful.\n'),
  invalidPackage: documented(
    'installer(8) error form',
    (path: string) => `installer: Error - the package path specified was invalid: '${path}'.\n`,
  ),
  invalidTarget: invented(
    'target other than /',
    (target: string) => `installer: Error - the target volume specified was invalid: '${target}'.\n`,
  ),
  usage: documented(
    'installer(8)',
    () => 'usage: installer -pkg <pathToPackage> -target <[DomainKey|MountPoint]> [-verbose]\n',
  ),
};

/** The time of an install is spread over this many pauses. */
const PAUSES = 10;

export const installer: Program = async ({ root, args, io }) => {
  const { pkg, target } = parse(args);
  const found = openPackage(onDisk(root, pkg));
  if (found === null) throw new Refusal(INSTALLER_FORMS.invalidPackage.text(pkg));
  if (target !== '/') throw new Refusal(INSTALLER_FORMS.invalidTarget.text(target));
  const { meta, files } = found;
  const isUpgrade = readReceipt(root, meta.packageId) !== null;
  io.out(INSTALLER_FORMS.name.text(meta.title));
  io.out((isUpgrade ? INSTALLER_FORMS.upgrading : INSTALLER_FORMS.installing).text());

  const { installerMs } = readPace(root);
  const folder = join(root, meta.location);
  const stride = Math.ceil(files.length / PAUSES);
  for (const [index, file] of files.entries()) {
    if (index % stride === 0) await sleep(installerMs / PAUSES);
    placeFile(folder, file);
  }
  writeReceipt(root, {
    packageId: meta.packageId,
    version: meta.version,
    location: meta.location,
    installedAt: new Date().toISOString(),
    files: files.map(({ path }) => path),
  });
  io.out((isUpgrade ? INSTALLER_FORMS.upgraded : INSTALLER_FORMS.installed).text());
  return 0;
};

function parse(args: readonly string[]): { pkg: string; target: string } {
  let pkg: string | undefined;
  let target: string | undefined;
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? '';
    if (arg === '-pkg' || arg === '-package') pkg = args[++at];
    else if (arg === '-target') target = args[++at];
    else if (arg !== '-verbose' && arg !== '-dumplog') throw new Refusal(INSTALLER_FORMS.usage.text());
  }
  if (pkg === undefined || target === undefined) throw new Refusal(INSTALLER_FORMS.usage.text());
  return { pkg, target };
}
