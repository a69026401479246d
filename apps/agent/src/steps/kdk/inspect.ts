/**
 * Looks into an installed KDK. macOS updates delete files from KDKs, so a folder of the right name proves nothing: the build in
 * its SystemVersion.plist, the kernel file of this variant and the quota's own name inside that kernel do.
 */
import { QUOTA_ARG } from '@headroom/core';
import { AgentError, differs } from '../../agent-error.ts';
import { isFolder, namesIn, plainFileBytes } from '../../file-looks.ts';
import { readTextFile } from '../../files.ts';
import type { Mac } from '../../mac.ts';
import { readKernelFile } from '../../macho/fileset.ts';
import { kdkKernelPath } from '../../macos/kmutil-create.ts';
import { parsePlistDict, stringAt } from '../../macos/plist.ts';
import { KDKS_FOLDER } from '../../paths.ts';
import type { Target } from '../this-mac.ts';

/** What bears the name of a KDK of this build, whatever version the name says: versions are sometimes wrong. */
export async function kdksOf(mac: Mac, build: string): Promise<readonly string[]> {
  const names = await namesIn(mac.path(KDKS_FOLDER));
  const ofBuild = names.filter((name) => /^KDK_[0-9.]+_/.test(name) && name.endsWith(`_${build}.kdk`));
  return ofBuild.map((name) => `${KDKS_FOLDER}/${name}`);
}

export interface InstalledKdk {
  readonly folder: string;
  /** What keeps it from being used; null when nothing does. */
  readonly problem: AgentError | null;
}

/** The first that can be used; where none can, the first. null = there is none. */
export async function bestKdk(mac: Mac, target: Target): Promise<InstalledKdk | null> {
  const found: InstalledKdk[] = [];
  for (const folder of await kdksOf(mac, target.build))
    found.push({ folder, problem: await kdkProblem(mac, folder, target) });
  return found.find(({ problem }) => problem === null) ?? found[0] ?? null;
}

async function kdkProblem(mac: Mac, folder: string, { build, variant }: Target): Promise<AgentError | null> {
  if (!(await isFolder(mac.path(folder)))) return notAFolder(folder);
  const seen = await buildOf(mac, folder);
  if (seen !== build) return new AgentError('KDK_HUSK', differs(`Build in ${folder}`, build, seen ?? 'none'));
  const kernel = kdkKernelPath(folder, variant);
  if ((await plainFileBytes(mac.path(kernel))) === 0) return missingKernel(mac, folder, kernel);
  const file = await readKernelFile(mac.path(kernel));
  if (!file.ok) return new AgentError('KDK_HUSK', `${kernel}: ${file.reason}.`);
  if (file.value.namesQuotaArgument) return null;
  return new AgentError('KDK_WITHOUT_QUOTA_SUPPORT', `Looked for the text ${QUOTA_ARG} in ${kernel}: it is not there.`);
}

/** What it leads to is not Apple's to fill, and an installer would write there. */
export function notAFolder(folder: string): AgentError {
  return new AgentError('KDK_HUSK', differs(folder, 'a folder', 'a link or a file; remove it'));
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
