/**
 * install_kdk: brings Apple's Kernel Debug Kit of exactly this build onto the Mac.
 * Guarantee: nothing is installed that is not byte for byte the image named, signed by Apple Software and the KDK of this build,
 * in this order, and holds this chip's kernel; one whose kernel turns out not to know the quota is removed again; the image is
 * detached on every path and gone afterwards; a husk (files deleted by an update) counts as not installed.
 */
import { rm } from 'node:fs/promises';
import type { ErrorCode, PlanStep } from '@headroom/core';
import { AgentError, differs } from '../agent-error.ts';
import { isFolder, isPlainFile, namesIn } from '../file-looks.ts';
import type { Mac } from '../mac.ts';
import { KDK_FOLDER } from '../paths.ts';
import { forgetInstalledKdk, installedKdks, noteInstalledKdk } from '../state/installed-kdks.ts';
import { fetchImage } from './kdk/fetch-image.ts';
import { bestKdk, kdksOf, notAFolder } from './kdk/inspect.ts';
import { detachStaleMounts, withMounted } from './kdk/mounts.ts';
import { checkAppleSignature, checkPackageId, checkPayload, installPackage, receiptProblem } from './kdk/package.ts';
import { removeKdk } from './kdk/remove.ts';
import type { StepContext, StepHandler } from './step.ts';
import { checkIsThisMac } from './this-mac.ts';

type Step = Extract<PlanStep, { readonly kind: 'install_kdk' }>;
export interface KdkResult {
  readonly path: string;
  readonly build: string;
  readonly variant: string;
}

const PACKAGE = 'KernelDebugKit.pkg';
/** Per byte of the image, all on one disk: the image, its package laid out for a look, and what is installed (several GB of 0.8). */
const DISK_BYTES_PER_IMAGE_BYTE = 1 + 1 + 5;
/** What is built from it afterwards: a kernel collection of some 115 MB, twice while it is placed. */
const COLLECTION_BYTES = 300_000_000;

export const installKdkStep: StepHandler<Step, KdkResult> = {
  async check(step, context) {
    await checkIsThisMac({ build: step.kdk.build, variant: step.variant }, context);
    return (await problemOf(context.mac, step)) === null ? resultOf(context.mac, step) : null;
  },

  async act(step, context) {
    await refuseInstalled(step, context.mac, ['KDK_WITHOUT_QUOTA_SUPPORT']);
    await removeOtherImages(context.mac, step.kdk.sha256);
    await checkDiskSpace(step, context);
    const image = await fetchImage(step.kdk, context);
    try {
      await withMounted(context.mac, image, context.signal, (mountPoint) => install(mountPoint, step, context));
      await refuseInstalled(step, context.mac, ['KDK_WITHOUT_QUOTA_SUPPORT', 'KDK_VARIANT_MISSING']);
    } catch (error) {
      if (isForGood(error)) await removeOtherImages(context.mac, null);
      throw error;
    }
  },

  async verify(step, { mac }) {
    const problem = await problemOf(mac, step);
    if (problem !== null) throw problem;
    return resultOf(mac, step);
  },
};

/** No later attempt makes such an image good, so it does not stay. */
const FOR_GOOD: readonly string[] = [
  'KDK_NOT_APPLE_SIGNED',
  'KDK_WRONG_PACKAGE',
  'KDK_VARIANT_MISSING',
  'KDK_WITHOUT_QUOTA_SUPPORT',
];

function isForGood(error: unknown): boolean {
  return error instanceof AgentError && FOR_GOOD.includes(error.code);
}

/**
 * A KDK of which no kernel can be built here does not stay if it is ours: several GB for nothing. The one of somebody else stays,
 * and fetching the same files again would not mend it.
 */
async function refuseInstalled({ kdk, variant }: Step, mac: Mac, codes: readonly ErrorCode[]): Promise<void> {
  const problem = (await bestKdk(mac, { build: kdk.build, variant }))?.problem ?? null;
  if (problem === null || !codes.some((code) => code === problem.code)) return;
  if (!(await removeIfOurs(mac, kdk.build))) throw problem;
  throw new AgentError(problem.code, `${problem.message} The KDK was removed again.`);
}

/** A KDK of this build may bear another version in its name; the build decides. */
async function problemOf(mac: Mac, { kdk, variant }: Step): Promise<AgentError | null> {
  const found = await bestKdk(mac, { build: kdk.build, variant });
  if (found === null) return new AgentError('KDK_WRONG_PACKAGE', `No KDK of build ${kdk.build} is installed.`);
  return found.problem ?? receiptProblem(mac, kdk.build);
}

/** The image has done its work once the KDK is proven to be there: it is neither attached any more nor kept. */
async function resultOf(mac: Mac, { kdk, variant }: Step): Promise<KdkResult> {
  const attached = await detachStaleMounts(mac);
  await removeOtherImages(mac, null);
  if (attached.length > 0)
    throw new AgentError('KDK_STILL_ATTACHED', differs('Images attached by Headroom', 'none', attached.join(' ')));
  const path = (await bestKdk(mac, { build: kdk.build, variant }))?.folder ?? '';
  return { path, build: kdk.build, variant };
}

async function install(mountPoint: string, { kdk: { build }, variant }: Step, context: StepContext): Promise<void> {
  const { mac, progress, signal } = context;
  const packagePath = `${mountPoint}/${PACKAGE}`;
  // A link would lead out of the image, whose bytes alone are known.
  if (!(await isPlainFile(mac.path(packagePath))))
    throw new AgentError('KDK_WRONG_PACKAGE', `The image does not hold ${PACKAGE} as a plain file.`);
  progress(`checking the signature of ${PACKAGE}`);
  await checkAppleSignature(mac, packagePath, signal);
  progress(`checking that ${PACKAGE} is the KDK of build ${build}`);
  await checkPackageId(mac, packagePath, build, signal);
  progress(`looking for the kernel of ${variant} in ${PACKAGE}`);
  await checkPayload(mac, packagePath, variant, signal);
  progress(`installing ${PACKAGE}`);
  const there = await kdksOf(mac, build);
  for (const kdk of there) if (!(await isFolder(mac.path(kdk)))) throw notAFolder(kdk);
  // One that somebody else has there stays his. Ours goes first, and so does the receipt of one whose folder somebody deleted: it would say
  // of the pieces of an install that is cut that they are all there.
  if (there.length === 0 || (await installedKdks(mac)).includes(build)) {
    await removeKdk(mac, build);
    // Noted first: of an install that is cut, too, the pieces are ours.
    await noteInstalledKdk(mac, build);
  }
  try {
    await installPackage(mac, packagePath, signal);
  } catch (error) {
    // What went wrong with it says more than what may go wrong here; what stays is noted, so that it goes with the way back.
    if (!signal.aborted) await removeIfOurs(mac, build).catch(() => {});
    throw error;
  }
}

/** A part of a KDK is of no use, and several GB. What somebody else puts there afterwards is his. */
async function removeIfOurs(mac: Mac, build: string): Promise<boolean> {
  if (!(await installedKdks(mac)).includes(build)) return false;
  await removeKdk(mac, build);
  await forgetInstalledKdk(mac, build);
  return true;
}

/** Free space of the APFS container as the facts know it; where it is not known, the installer has the last word. */
async function checkDiskSpace({ kdk }: Step, context: StepContext): Promise<void> {
  const { freeBytes } = (await context.facts()).disk;
  const needed = kdk.sizeBytes * DISK_BYTES_PER_IMAGE_BYTE + COLLECTION_BYTES;
  if (freeBytes === null) context.progress('free disk space unknown, going on');
  else if (freeBytes < needed)
    throw new AgentError('DISK_FULL', differs('Free bytes for the KDK', `${needed} or more`, String(freeBytes)));
}

async function removeOtherImages(mac: Mac, keepSha256: string | null): Promise<void> {
  const folder = mac.path(KDK_FOLDER);
  const others = (await namesIn(folder)).filter((name) => keepSha256 === null || !name.startsWith(keepSha256));
  for (const name of others) await rm(`${folder}/${name}`, { recursive: true, force: true });
}
