/**
 * Installed KDKs. An update of macOS deletes files out of them, so a folder by itself proves nothing: a KDK is complete
 * when its SystemVersion.plist names the build and its development kernels are there and hold something. One that Headroom installs
 * has its receipt as well, which the installer writes last: without it some kernels may be there, and others still to come.
 */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { KdkFact } from '@headroom/core';
import { isFolder, namesIn } from '../file-looks.ts';
import { readTextFile } from '../files.ts';
import { kdkPackageId, PKGUTIL, parsePackages, pkgutilPackagesArgs } from '../macos/pkgutil.ts';
import { parsePlistDict, stringAt } from '../macos/plist.ts';
import { known, type Reading, unknown } from '../macos/reading.ts';
import { resolve } from '../macos/sysroot.ts';
import { readTool, type ToolContext } from '../macos/tool.ts';
import { INSTALLED_KDKS_FILE, KDKS_FOLDER } from '../paths.ts';
import { installedKdksAt } from '../state/installed-kdks.ts';

const KDK_NAME = /^KDK_([0-9]+(?:\.[0-9]+){0,3})_([0-9]{2}[A-Z][0-9]{1,6}[a-z]?)\.kdk$/;
const KERNEL_NAME = /^kernel\.development\.([a-z0-9]+)$/;
const KDKS_MAX = 100;

export async function readKdks(context: ToolContext): Promise<Reading<readonly KdkFact[]>> {
  const folder = resolve(context.sysroot, KDKS_FOLDER);
  const ours = await installedKdksAt(resolve(context.sysroot, INSTALLED_KDKS_FILE));
  // Before the files: a receipt that is there now says that all of them are.
  const receipts = ours.length === 0 ? known([]) : await readReceipts(context);
  const names = (await namesIn(folder)).filter((name) => KDK_NAME.test(name)).slice(0, KDKS_MAX);
  const kdks = await Promise.all(names.map((name) => kdkIn(folder, name)));
  return known(kdks.map((kdk) => (ours.includes(kdk.build) ? ofOurs(kdk, receipts) : kdk)));
}

function readReceipts(context: ToolContext): Promise<Reading<readonly string[]>> {
  return readTool(context, { path: PKGUTIL, args: pkgutilPackagesArgs() }, (output) =>
    output.exitCode === 0 ? known(parsePackages(output)) : unknown(`${PKGUTIL} exited ${output.exitCode}`),
  );
}

function ofOurs(kdk: KdkFact, receipts: Reading<readonly string[]>): KdkFact {
  const reason = kdk.reason ?? whyCut(kdk.build, receipts);
  return { ...kdk, complete: reason === null, reason, ours: true };
}

/** Not known is not complete: the step looks again before it fetches anything. */
function whyCut(build: string, receipts: Reading<readonly string[]>): string | null {
  if (!receipts.ok) return `whether its installation came to its end is not known: ${receipts.reason}`;
  const id = kdkPackageId(build);
  return receipts.value.includes(id) ? null : `its installation did not come to its end: there is no receipt ${id}`;
}

async function kdkIn(folder: string, name: string): Promise<KdkFact> {
  const [, version = '', build = ''] = KDK_NAME.exec(name) ?? [];
  if (!(await isFolder(join(folder, name))))
    return { version, build, complete: false, variants: [], reason: 'it is no folder, but a link or a file' };
  const kernels = await kernelsIn(join(folder, name, 'System/Library/Kernels'));
  const variants = kernels.filter(({ bytes }) => bytes > 0).map(({ variant }) => variant);
  const reason = whyHusk(kernels, build, await buildIn(join(folder, name)));
  return { version, build, complete: reason === null, variants, reason };
}

interface KernelEntry {
  readonly variant: string;
  readonly bytes: number;
}

async function kernelsIn(folder: string): Promise<readonly KernelEntry[]> {
  const kernels: KernelEntry[] = [];
  for (const name of await namesIn(folder)) {
    const extension = KERNEL_NAME.exec(name)?.[1];
    const status = extension === undefined ? null : await lstat(join(folder, name));
    if (extension !== undefined && status?.isFile() === true)
      kernels.push({ variant: extension.toUpperCase(), bytes: status.size });
  }
  return kernels;
}

/** Build that the KDK itself names; null when its SystemVersion.plist is gone or names none. */
async function buildIn(kdk: string): Promise<string | null> {
  const text = await readTextFile(join(kdk, 'System/Library/CoreServices/SystemVersion.plist'), 64 * 1024);
  const plist = text === null ? null : parsePlistDict(text);
  return plist?.ok === true ? stringAt(plist.value, 'ProductBuildVersion') : null;
}

function whyHusk(kernels: readonly KernelEntry[], build: string, namedBuild: string | null): string | null {
  const empty = kernels.filter(({ bytes }) => bytes === 0).map(({ variant }) => variant);
  if (kernels.length === 0) return 'it holds no development kernel for Apple silicon';
  if (empty.length > 0) return `kernel files are empty: ${empty.join(', ')}`;
  if (namedBuild === null) return 'its SystemVersion.plist is missing or names no build';
  return namedBuild === build ? null : `its SystemVersion.plist names build ${namedBuild}, its folder ${build}`;
}
