/**
 * kmutil create: links a kernel and bundles to a boot kernel collection. Refuses what a Mac refuses, from what really lies
 * in the KDK and the repositories, and writes a genuine collection.
 */
import { lstatSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type KernelFileInfo, MachOError, readKernelFile, writeKernelCollection } from '../kernel/index.ts';
import { loadState, type SimState } from '../state.ts';
import { chooseBundles } from './choose-bundles.ts';
import { type CreateArgs, parseCreateArgs } from './create-args.ts';
import { type FoundBundle, readRepositories } from './extensions.ts';
import { type Program, Refusal } from './io.ts';
import { installedKdks, kdkBuild } from './kdks.ts';
import { KMUTIL_FORMS } from './kmutil-forms.ts';
import { isSealed, onDisk } from './mac-path.ts';
import { readPace } from './pace.ts';
import { placeSystemExtensions } from './system-extensions.ts';

/** The bundle that the captured linking error names; used when it is the kernel that does not fit. */
const FIRST_TO_FAIL = 'com.apple.iokit.IOSkywalkFamily';

export const createCollection: Program = async ({ root, args, io }) => {
  const wanted = parseCreateArgs(args);
  const state = loadState(root);
  placeSystemExtensions(root, state.os);
  if (wanted.variantSuffix === null) io.err(KMUTIL_FORMS.noVariant.text());

  requireKdk(root, state, wanted);
  const kernelPath = onDisk(root, wanted.kernel);
  const kernel = readKernel(kernelPath, wanted);
  const bundles = chooseBundles(readRepositories(wanted.repositories.map((folder) => onDisk(root, folder))), wanted);
  requireSameSystem(state, kernel, bundles);
  const out = outputPath(root, state, wanted);

  await sleep(readPace(root).kmutilCreateMs);
  const collection = {
    kernelFile: readFileSync(kernelPath),
    bundles: bundles.map(({ id, version, binaryPath }) => ({
      id,
      version,
      binary: binaryPath === null ? null : readFileSync(binaryPath),
    })),
    build: state.os.baseBuild,
  };
  try {
    writeKernelCollection({ ...collection, out });
  } catch (error) {
    throw new Refusal(writeProblem(error));
  }
  io.out(KMUTIL_FORMS.createSuccess.text());
  return 0;
};

/** From macOS 13 on nothing is built without the KDK of the build that runs. */
function requireKdk(root: string, { os }: SimState, { kdk, build, allowMissingKdk }: CreateArgs): void {
  const needed = build ?? os.baseBuild;
  const builds = kdk === null ? installedKdks(root).map((each) => each.build) : [kdkBuild(onDisk(root, kdk))];
  if (!allowMissingKdk && !builds.includes(needed)) throw new Refusal(KMUTIL_FORMS.missingKdk.text(needed));
}

function readKernel(path: string, { kernel, arch }: CreateArgs): KernelFileInfo {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isFile()) throw new Refusal(KMUTIL_FORMS.kernelPath.text());
  try {
    const info = readKernelFile(path);
    if (arch === 'arm64e' && !info.versionText.endsWith('X86_64')) return info;
  } catch (error) {
    if (!(error instanceof MachOError)) throw error;
  }
  throw new Refusal(KMUTIL_FORMS.kernelMachO.text(kernel));
}

/**
 * A kernel of another xnu, or bundles of another build, do not offer each other's symbols. (Two builds may share one xnu;
 * then a real Mac links them too.)
 */
function requireSameSystem({ os }: SimState, kernel: KernelFileInfo, bundles: readonly FoundBundle[]): void {
  if (!kernel.versionText.includes(`-${os.xnu}/`)) throw new Refusal(KMUTIL_FORMS.linking.text(FIRST_TO_FAIL));
  const stranger = bundles.find(({ build }) => build !== os.baseBuild);
  if (stranger !== undefined) throw new Refusal(KMUTIL_FORMS.linking.text(stranger.id));
}

/** Some systems append the variant to the file name, some do not. */
function outputPath(root: string, { behaviour }: SimState, wanted: CreateArgs): string {
  const { bootPath, variantSuffix, appendVariant } = wanted;
  if (isSealed(bootPath)) throw new Refusal(KMUTIL_FORMS.readOnly.text());
  const folder = onDisk(root, dirname(bootPath));
  if (!lstatSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Refusal(KMUTIL_FORMS.noFolder.text(dirname(bootPath)));
  }
  const append = behaviour.kmutilAppendsSuffix && appendVariant && variantSuffix !== null;
  return onDisk(root, `${dirname(bootPath)}/${basename(bootPath)}${append ? `.${variantSuffix}` : ''}`);
}

function writeProblem(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC') return KMUTIL_FORMS.diskFull.text();
  if (code === 'EROFS' || code === 'EACCES') return KMUTIL_FORMS.readOnly.text();
  throw error;
}
