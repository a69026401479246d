/**
 * The one package that the agent ever installs: its signature, its id, its installation, its receipt. `installer` as root checks
 * neither signature nor build, so pkgutil is asked first.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { basename, relative } from 'node:path';
import { developmentKernelFileName } from '@headroom/core';
import { AgentError, differs } from '../../agent-error.ts';
import { readTextFile } from '../../files.ts';
import { type Mac, ranToItsEnd, toolText } from '../../mac.ts';
import { INSTALLER, INSTALLER_TIMEOUT_MS, installerArgs, parseInstaller } from '../../macos/installer.ts';
import {
  appleSigned,
  kdkPackageId,
  kdkSdkPackageId,
  PKGUTIL,
  parseCheckSignature,
  parseOutsidePackages,
  parsePackageInfo,
  parsePackages,
  parsePayloadKernels,
  pkgutilCheckSignatureArgs,
  pkgutilExpandArgs,
  pkgutilPackagesArgs,
  pkgutilPayloadFilesArgs,
} from '../../macos/pkgutil.ts';
import type { Reading } from '../../macos/reading.ts';
import { KDK_FOLDER } from '../../paths.ts';

/** Beside the image: a package laid out for a look. */
export const PARTS_PREFIX = 'parts-';
const SIGNATURE_TIMEOUT_MS = 5 * 60_000;
const EXPAND_TIMEOUT_MS = 10 * 60_000;
const COMPONENTS_MAX = 50;
/** A KDK holds some ten thousand files. */
const LIST_BYTES_MAX = 32 * 1024 * 1024;
const PART_BYTES_MAX = 1024 * 1024;

export async function checkAppleSignature(mac: Mac, packagePath: string, signal: AbortSignal): Promise<void> {
  const args = pkgutilCheckSignatureArgs(packagePath);
  const result = await mac.run(PKGUTIL, args, { timeoutMs: SIGNATURE_TIMEOUT_MS, signal });
  signal.throwIfAborted();
  ranToItsEnd(result);
  const signature = parseCheckSignature(result);
  if (!signature.ok) throw new AgentError('KDK_NOT_APPLE_SIGNED', signature.reason);
  const verdict = appleSigned(signature.value);
  if (!verdict.appleSigned) throw new AgentError('KDK_NOT_APPLE_SIGNED', verdict.reason);
  if (result.exitCode !== 0) throw new AgentError('KDK_NOT_APPLE_SIGNED', toolText(result));
}

/** Before anything is installed: the package's own parts say which build it is for. Needs room for one more copy of it. */
export async function checkPackageId(mac: Mac, packagePath: string, build: string, signal: AbortSignal): Promise<void> {
  const folder = `${KDK_FOLDER}/${basename(await mkdtemp(`${mac.path(KDK_FOLDER)}/${PARTS_PREFIX}`))}`;
  try {
    const parts = `${folder}/expanded`;
    const args = pkgutilExpandArgs(packagePath, parts);
    const result = await mac.run(PKGUTIL, args, { timeoutMs: EXPAND_TIMEOUT_MS, signal });
    signal.throwIfAborted();
    ranToItsEnd(result);
    if (result.exitCode !== 0)
      throw new AgentError(isDiskFull(result) ? 'DISK_FULL' : 'COMMAND_FAILED', toolText(result));
    await checkParts(mac.path(parts), build);
  } finally {
    await rm(mac.path(folder), { recursive: true, force: true });
  }
}

/** The components, wherever in the archive they lie, and what the archive makes of them. */
async function checkParts(parts: string, build: string): Promise<void> {
  const infos = await textsNamed('PackageInfo', parts);
  const ids = infos.map(({ from, text }) => readOr(from, parsePackageInfo(text)));
  const wanted = kdkPackageId(build);
  const foreign = ids.filter((id) => id !== wanted && id !== kdkSdkPackageId(build));
  if (!ids.includes(wanted) || foreign.length > 0)
    throw new AgentError('KDK_WRONG_PACKAGE', differs('Packages in the image', wanted, ids.join(' ') || 'none'));
  const distributions = await textsNamed('Distribution', parts);
  const outside = distributions.flatMap(({ from, text }) => readOr(from, parseOutsidePackages(text)));
  if (distributions.length > 1 || outside.length > 0) {
    const seen = outside.length > 0 ? outside.join(' ') : `${distributions.length} distributions`;
    throw new AgentError('KDK_WRONG_PACKAGE', differs('What is installed', 'packages of this archive', seen));
  }
}

interface PartText {
  readonly from: string;
  readonly text: string;
}

/** All files of this name, at any depth: a part that is passed over is a part that is installed unseen. */
async function textsNamed(name: string, parts: string): Promise<readonly PartText[]> {
  const entries = await readdir(parts, { recursive: true, withFileTypes: true });
  const named = entries.filter((entry) => entry.name === name);
  if (named.length > COMPONENTS_MAX || named.some((entry) => !entry.isFile()))
    throw new AgentError('KDK_WRONG_PACKAGE', `${name}: expected at most ${COMPONENTS_MAX} plain files of this name.`);
  const texts: PartText[] = [];
  for (const { parentPath } of named) {
    const text = await readTextFile(`${parentPath}/${name}`, PART_BYTES_MAX);
    texts.push({ from: relative(parts, `${parentPath}/${name}`), text: text ?? '' });
  }
  return texts;
}

function readOr<T>(from: string, reading: Reading<T>): T {
  if (reading.ok) return reading.value;
  throw new AgentError('KDK_WRONG_PACKAGE', `${from}: ${reading.reason}.`);
}

/**
 * Before anything is installed: does the package hold this chip's kernel? What is inside that kernel shows only once it is
 * installed. A list that names no kernel at all proves nothing, and the installed KDK is judged then.
 */
export async function checkPayload(mac: Mac, packagePath: string, variant: string, signal: AbortSignal): Promise<void> {
  const options = { timeoutMs: EXPAND_TIMEOUT_MS, outputBytesMax: LIST_BYTES_MAX, signal };
  const result = await mac.run(PKGUTIL, pkgutilPayloadFilesArgs(packagePath), options);
  signal.throwIfAborted();
  const kernels = result.exitCode === 0 ? parsePayloadKernels(result) : [];
  const wanted = developmentKernelFileName(variant);
  if (kernels.length === 0 || kernels.includes(wanted)) return;
  throw new AgentError('KDK_VARIANT_MISSING', differs('Kernel in the package', wanted, kernels.join(' ')));
}

export async function installPackage(mac: Mac, packagePath: string, signal: AbortSignal): Promise<void> {
  const result = await mac.run(INSTALLER, installerArgs(packagePath), { timeoutMs: INSTALLER_TIMEOUT_MS, signal });
  signal.throwIfAborted();
  ranToItsEnd(result);
  const installed = parseInstaller(result);
  if (installed.ok) return;
  throw new AgentError(isDiskFull(result) ? 'DISK_FULL' : 'KDK_INSTALL_FAILED', installed.reason);
}

function isDiskFull({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }): boolean {
  return /no space|not enough (free )?space|ENOSPC/i.test(`${stdout}\n${stderr}`);
}

/** Which KDK was really installed? Names of images and packages may lie; the receipt does not. */
export async function receiptProblem(mac: Mac, build: string): Promise<AgentError | null> {
  const result = ranToItsEnd(await mac.run(PKGUTIL, pkgutilPackagesArgs()));
  const receipt = kdkPackageId(build);
  if (result.exitCode === 0 && parsePackages(result).includes(receipt)) return null;
  return new AgentError('KDK_WRONG_PACKAGE', differs('Receipt of the installed package', receipt, 'no such receipt'));
}
