/**
 * build_kc: builds the development kernel collection of this Mac with its own kmutil and the KDK of exactly its build.
 * Guarantee: it is built under a temporary name and takes its place only after it was read back; afterwards one collection is
 * on disk. All that kmutil said is kept in the log folder.
 */
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import type { KcResult, PlanStep } from '@headroom/core';
import { AgentError, Refusal } from '../agent-error.ts';
import { plainFileBytes } from '../file-looks.ts';
import { ensureFolder, isDiskFull, syncFolder, writeFileAtomic, writeJsonAtomic } from '../files.ts';
import { type Mac, ranToItsEnd, toolText } from '../mac.ts';
import { bundlesToLink, KMUTIL, kmutilInspectArgs, parseInspect } from '../macos/kmutil.ts';
import {
  KMUTIL_CREATE_TIMEOUT_MS,
  kmutilCreateArgs,
  kmutilCreateFailure,
  kmutilOutputNames,
} from '../macos/kmutil-create.ts';
import type { RunResult } from '../macos/runner.ts';
import { HOME, KC_FOLDER, LOG_FOLDER } from '../paths.ts';
import {
  BUILD_PREFIX,
  builtCollection,
  collectionPath,
  dropListDiffers,
  readSidecar,
  removeOthers,
  sidecarPath,
} from './kc/collection.ts';
import { readBack } from './kc/read-back.ts';
import { bestKdk } from './kdk/inspect.ts';
import type { StepContext, StepHandler } from './step.ts';
import { checkIsThisMac } from './this-mac.ts';

type Step = Extract<PlanStep, { readonly kind: 'build_kc' }>;

const INSPECT_TIMEOUT_MS = 5 * 60_000;
/** kmutil lists several hundred bundles, with an option each. */
const OUTPUT_BYTES_MAX = 32 * 1024 * 1024;
const KMUTIL_LOG = `${LOG_FOLDER}/kmutil-create.log`;

export const buildKcStep: StepHandler<Step, KcResult> = {
  async check(step, context) {
    await checkIsThisMac(step, context);
    if (dropListDiffers(await readSidecar(context.mac, step), step.dropBundles) !== null) return null;
    const built = await builtCollection(context.mac, step, context.signal);
    if (built instanceof AgentError) return null;
    await removeOthers(context.mac, step);
    return built;
  },

  async act(step, context) {
    const { mac, signal, progress } = context;
    const kdk = await usableKdk(step, context);
    const buildFolder = await newBuildFolder(mac);
    try {
      await removeOthers(mac, step, buildFolder);
      progress('asking kmutil which bundles the release collection has');
      const bundleIds = await releaseBundles(mac, step.dropBundles, signal);
      progress(`building a kernel collection of ${bundleIds.length} bundles`);
      const bootPath = `${buildFolder}/KernelCollection.kc`;
      await create(context, { bootPath, kdk, variant: step.variant, bundles: bundleIds });
      const output = await outputOf(mac, bootPath);
      const problem = await readBack(mac.path(output), { variant: step.variant, bundleIds }, signal);
      if (problem instanceof AgentError) throw problem;
      await takeItsPlace(mac, output, step, bundleIds);
    } finally {
      await rm(mac.path(buildFolder), { recursive: true, force: true });
    }
  },

  async verify(step, context) {
    const built = await builtCollection(context.mac, step, context.signal);
    if (built instanceof AgentError) throw built;
    await removeOthers(context.mac, step);
    return built;
  },
};

/** The sidecar goes first and comes last: a collection without one is a cut build, never a finished one. */
async function takeItsPlace(mac: Mac, output: string, step: Step, bundleIds: readonly string[]): Promise<void> {
  const { build, variant, dropBundles } = step;
  await rm(mac.path(sidecarPath(step)), { force: true });
  await rename(mac.path(output), mac.path(collectionPath(step)));
  await syncFolder(mac.path(KC_FOLDER));
  await writeJsonAtomic(mac.path(sidecarPath(step)), { build, variant, dropBundles, bundleIds });
}

/** A name of its own each time: a kmutil that outlived a killed agent can't write into the file that is being built now. */
async function newBuildFolder(mac: Mac): Promise<string> {
  for (const folder of [HOME, KC_FOLDER, LOG_FOLDER]) await ensureFolder(mac.path(folder));
  return `${KC_FOLDER}/${basename(await mkdtemp(`${mac.path(KC_FOLDER)}/${BUILD_PREFIX}`))}`;
}

async function usableKdk(step: Step, context: StepContext): Promise<string> {
  const kdk = await bestKdk(context.mac, step);
  // Gone since the plan was made: trying the same step again would not bring it back, the next plan installs it.
  if (kdk === null) throw new Refusal('PLAN_OUTDATED', `No KDK of build ${step.build} is installed.`);
  if (kdk.problem?.code === 'KDK_HUSK' && !(await looksWhole(step, context)))
    throw new Refusal('PLAN_OUTDATED', kdk.problem.message);
  if (kdk.problem !== null) throw kdk.problem;
  return kdk.folder;
}

/** Facts do not look into kernels: a damaged one is whole to them, and the next plan would be the same. */
async function looksWhole({ build, variant }: Step, { facts }: StepContext): Promise<boolean> {
  const { kdks } = await facts();
  return (kdks ?? []).some((kdk) => kdk.build === build && kdk.complete && kdk.variants.includes(variant));
}

async function releaseBundles(mac: Mac, drop: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  const options = { timeoutMs: INSPECT_TIMEOUT_MS, outputBytesMax: OUTPUT_BYTES_MAX, signal };
  const result = await mac.run(KMUTIL, kmutilInspectArgs(), options);
  signal.throwIfAborted();
  ranToItsEnd(result);
  const bundles = parseInspect(result);
  if (result.exitCode !== 0 || !bundles.ok) throw new AgentError('KC_CREATE_FAILED', toolText(result));
  return bundlesToLink(bundles.value, drop);
}

async function create({ mac, signal }: StepContext, input: Parameters<typeof kmutilCreateArgs>[0]): Promise<void> {
  const options = { timeoutMs: KMUTIL_CREATE_TIMEOUT_MS, outputBytesMax: OUTPUT_BYTES_MAX, signal };
  const result = await mac.run(KMUTIL, kmutilCreateArgs(input), options);
  const kept = await keepText(mac, result);
  signal.throwIfAborted();
  const failure = kmutilCreateFailure(result);
  if (failure !== null) throw new AgentError(failure, `${shortened(toolText(result))}\n${kept}`);
}

/** A disk that is too full for its text must not hide what kmutil said. */
async function keepText(mac: Mac, result: RunResult): Promise<string> {
  try {
    await writeFileAtomic(mac.path(KMUTIL_LOG), logText(result), 0o600);
    return `All of it: ${KMUTIL_LOG}`;
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    return `All of it could not be kept in ${KMUTIL_LOG}: the disk is full.`;
  }
}

function logText({ command, exitCode, stdout, stderr }: RunResult): string {
  return `${command}\n\nexit status ${exitCode ?? 'none'}\n\nstdout:\n${stdout}\nstderr:\n${stderr}`;
}

/** The command names several hundred bundles; a person needs its start and what was said. */
function shortened(text: string): string {
  return text.replace(/(?: -b \S+){4,}/g, ' -b ...');
}

/** kmutil may append the variant suffix to the name that it was given. */
async function outputOf(mac: Mac, bootPath: string): Promise<string> {
  for (const path of kmutilOutputNames(bootPath)) if ((await plainFileBytes(mac.path(path))) > 0) return path;
  throw new AgentError(
    'KC_READ_BACK_FAILED',
    `kmutil ended well, but wrote neither of ${kmutilOutputNames(bootPath)}.`,
  );
}
