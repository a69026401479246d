/**
 * install_kdk: brings Apple's Kernel Debug Kit of exactly this build onto the Mac.
 * Guarantee: nothing is installed that is not byte for byte the image named, signed by Apple Software and the KDK of this build,
 * in this order; the image is detached on every path and gone afterwards; a husk (files deleted by an update) counts as not
 * installed.
 */
import { access, readdir, rm } from 'node:fs/promises';
import type { PlanStep } from '@headroom/core';
import { AgentError, differs } from '../agent-error.ts';
import { isMissing } from '../files.ts';
import type { Mac } from '../mac.ts';
import { KDK_FOLDER } from '../paths.ts';
import { noteInstalledKdk } from '../state/installed-kdks.ts';
import { fetchImage } from './kdk/fetch-image.ts';
import { findKdk, kdkProblem } from './kdk/inspect.ts';
import { withMounted } from './kdk/mounts.ts';
import { checkAppleSignature, checkPackageId, installPackage, receiptProblem } from './kdk/package.ts';
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
    await removeOtherImages(context.mac, step.kdk.sha256);
    await checkDiskSpace(step, context);
    const image = await fetchImage(step.kdk, context);
    try {
      await withMounted(context.mac, image, context.signal, (mountPoint) =>
        install(mountPoint, step.kdk.build, context),
      );
    } catch (error) {
      if (isDistrust(error)) await removeOtherImages(context.mac, null);
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
function isDistrust(error: unknown): boolean {
  return error instanceof AgentError && (error.code === 'KDK_NOT_APPLE_SIGNED' || error.code === 'KDK_WRONG_PACKAGE');
}

/** A KDK of this build may bear another version in its name; the build decides. */
async function problemOf(mac: Mac, { kdk, variant }: Step): Promise<AgentError | null> {
  const folder = await findKdk(mac, kdk.build);
  if (folder === null) return new AgentError('KDK_WRONG_PACKAGE', `No KDK of build ${kdk.build} is installed.`);
  return (await kdkProblem(mac, folder, { build: kdk.build, variant })) ?? receiptProblem(mac, kdk.build);
}

/** The image has done its work once the KDK is proven to be there. */
async function resultOf(mac: Mac, { kdk, variant }: Step): Promise<KdkResult> {
  await removeOtherImages(mac, null);
  const path = (await findKdk(mac, kdk.build)) ?? '';
  return { path, build: kdk.build, variant };
}

async function install(mountPoint: string, build: string, { mac, progress, signal }: StepContext): Promise<void> {
  const packagePath = `${mountPoint}/${PACKAGE}`;
  try {
    await access(mac.path(packagePath));
  } catch {
    throw new AgentError('KDK_WRONG_PACKAGE', `The image does not hold ${PACKAGE}.`);
  }
  progress(`checking the signature of ${PACKAGE}`);
  await checkAppleSignature(mac, packagePath, signal);
  progress(`checking that ${PACKAGE} is the KDK of build ${build}`);
  await checkPackageId(mac, packagePath, build, signal);
  progress(`installing ${PACKAGE}`);
  // Noted first: of an install that is cut, too, the pieces are ours. One that somebody else had there stays his.
  if ((await findKdk(mac, build)) === null) await noteInstalledKdk(mac, build);
  await installPackage(mac, packagePath, signal);
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
  try {
    const names = await readdir(folder);
    const others = names.filter((name) => keepSha256 === null || !name.startsWith(keepSha256));
    for (const name of others) await rm(`${folder}/${name}`, { recursive: true, force: true });
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
