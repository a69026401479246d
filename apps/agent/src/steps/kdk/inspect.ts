/**
 * Looks into an installed KDK. macOS updates delete files from KDKs, so a folder of the right name proves nothing: the build in
 * its SystemVersion.plist, the kernel file of this variant and the quota's own name inside that kernel do.
 */
import { lstat, readdir } from 'node:fs/promises';
import { QUOTA_ARG } from '@headroom/core';
import { AgentError, differs } from '../../agent-error.ts';
import { isMissing, readTextFile } from '../../files.ts';
import type { Mac } from '../../mac.ts';
import { readKernelFile } from '../../macho/fileset.ts';
import { kdkKernelPath } from '../../macos/kmutil-create.ts';
import { parsePlistDict, stringAt } from '../../macos/plist.ts';
import { KDKS_FOLDER } from '../../paths.ts';
import type { Target } from '../this-mac.ts';

/** The installed KDK of a build, whatever version its name says (versions are sometimes wrong); null when there is none. */
export async function findKdk(mac: Mac, build: string): Promise<string | null> {
  try {
    const names = await readdir(mac.path(KDKS_FOLDER));
    const name = names.find((candidate) => /^KDK_[0-9.]+_/.test(candidate) && candidate.endsWith(`_${build}.kdk`));
    return name === undefined ? null : `${KDKS_FOLDER}/${name}`;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** What keeps this KDK from being used; null when nothing does. */
export async function kdkProblem(mac: Mac, folder: string, { build, variant }: Target): Promise<AgentError | null> {
  const seen = await buildOf(mac, folder);
  if (seen !== build) return new AgentError('KDK_HUSK', differs(`Build in ${folder}`, build, seen ?? 'none'));
  const kernel = kdkKernelPath(folder, variant);
  if ((await sizeOf(mac.path(kernel))) === 0) return missingKernel(mac, folder, kernel);
  const file = await readKernelFile(mac.path(kernel));
  if (!file.ok) return new AgentError('KDK_HUSK', `${kernel}: ${file.reason}.`);
  if (file.value.namesQuotaArgument) return null;
  return new AgentError('KDK_WITHOUT_QUOTA_SUPPORT', `Looked for the text ${QUOTA_ARG} in ${kernel}: it is not there.`);
}

/** Other development kernels without this one: the build has none for this chip. None at all: files were deleted. */
async function missingKernel(mac: Mac, folder: string, kernel: string): Promise<AgentError> {
  const kernels = await namesIn(mac.path(`${folder}/System/Library/Kernels`));
  const release = kernel.slice(kernel.lastIndexOf('/') + 1).replace('development', 'release');
  const whole = kernels.some((name) => name.startsWith('kernel.development.')) && !kernels.includes(release);
  return new AgentError(whole ? 'KDK_VARIANT_MISSING' : 'KDK_HUSK', `${kernel} is not there, or empty.`);
}

async function buildOf(mac: Mac, folder: string): Promise<string | null> {
  const text = await readTextFile(mac.path(`${folder}/System/Library/CoreServices/SystemVersion.plist`));
  const plist = parsePlistDict(text ?? '');
  return plist.ok ? stringAt(plist.value, 'ProductBuildVersion') : null;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** 0 for a file that is not there. */
async function sizeOf(path: string): Promise<number> {
  try {
    const seen = await lstat(path);
    return seen.isFile() ? seen.size : 0;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}
