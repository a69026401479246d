/** Decides which kernel runs, from the boot policy and the installed kernel object alone, as firmware does. */
import { randomUUID } from 'node:crypto';
import { isAppleSilicon } from './catalogue/macs.ts';
import { seededUuid } from './catalogue/seeded.ts';
import { kernelVersionText, systemFor } from './catalogue/systems.ts';
import { forgetMounts } from './doing/mounts.ts';
import { readKernelCollection } from './kernel/index.ts';
import { simPaths } from './paths.ts';
import { type Boot, flushNvram, type SimState } from './state.ts';

/** A progress bar that never ends; the screen shows no word. */
const ENDLESS_BAR = '(a progress bar that never ends)';
const PANIC_LOOP = '(the Mac restarts again and again)';
const CUSTOM_KERNEL_FAILED = 'Custom kernel failed to boot';
const UNLOCK_SCREEN = '(accounts and a password field: FileVault waits to be unlocked)';

type Kernel = Pick<Boot, 'kernel' | 'kernelUuid' | 'filesetUuid' | 'kernelVersionText' | 'honoursQuota'>;

/** Starts macOS in the draft: power becomes `macos`; or `unlock` or `failed`, with what is on the screen. */
export function startMacos(dir: string, draft: SimState, now: Date): void {
  if (draft.power !== 'off') throw new Error(`${dir}: power is ${draft.power}; a Mac starts when it is off`);
  forgetMounts(dir);
  draft.recovery = null;
  draft.guests = [];
  draft.leakedSlots = 0;
  const kernel = draft.policy.coih === null ? stockKernel(draft) : customKernel(dir, draft, draft.policy.coih);
  const failure = kernel === null ? CUSTOM_KERNEL_FAILED : kernelFailure(draft, kernel);
  if (kernel === null || failure !== null) {
    draft.power = 'failed';
    draft.screen = failure;
    return;
  }
  const isLocked = draft.volumes.fileVault && draft.behaviour.waitsForUnlock === true;
  draft.power = isLocked ? 'unlock' : 'macos';
  draft.screen = isLocked ? UNLOCK_SCREEN : null;
  draft.bootCount += 1;
  draft.boot = {
    ...kernel,
    sessionId: randomUUID().toUpperCase(),
    time: now.toISOString(),
    bootArgsInForce: bootArgsInForce(draft),
  };
}

/** What the screen shows when this kernel starts and does not get far; null when it runs. */
function kernelFailure(state: SimState, { kernel }: Kernel): string | null {
  const { kernelFault, kernelNeedsArg } = state.behaviour.faults ?? {};
  if (kernel === 'release') return null;
  if (kernelFault !== undefined) return kernelFault === 'hangs' ? ENDLESS_BAR : PANIC_LOOP;
  if (kernelNeedsArg === undefined) return null;
  return bootArgsInForce(state).split(' ').includes(kernelNeedsArg) ? null : PANIC_LOOP;
}

/** Power is gone: what ran is gone; NVRAM that was not saved too, unless the end was clean. */
export function stop(draft: SimState, end: 'clean' | 'cut'): void {
  if (end === 'clean') flushNvram(draft);
  else draft.nvram.unflushed = {};
  draft.power = 'off';
  draft.screen = null;
  draft.boot = null;
  draft.recovery = null;
  draft.guests = [];
  draft.leakedSlots = 0;
}

/** Custom arguments reach the kernel only when the policy's filtering is off. Intel has no boot policy: SIP is not simulated there. */
function bootArgsInForce(state: SimState): string {
  const stored = state.nvram.stored['boot-args'] ?? '';
  return state.policy.sip3 ? stored : '';
}

function stockKernel(state: SimState): Kernel {
  const { variant, model } = state.hardware;
  const system = systemFor(state.os.version, state.os.build);
  return {
    kernel: 'release',
    kernelUuid: seededUuid(`${system.baseBuild} ${variant}`, 'release kernel'),
    filesetUuid: isAppleSilicon(variant) ? seededUuid(`${system.baseBuild} ${model}`, 'release collection') : '',
    kernelVersionText: kernelVersionText(system, variant, 'release'),
    honoursQuota: false,
  };
}

/** Null when the object is missing, can't be read, or was built for another system or Mac. */
function customKernel(dir: string, state: SimState, coih: string): Kernel | null {
  const path = simPaths(dir).customKernel(state.volumes.group, state.policy.nsih, coih);
  const system = systemFor(state.os.version, state.os.build);
  const expected = kernelVersionText(system, state.hardware.variant, 'development');
  try {
    const collection = readKernelCollection(path);
    if (collection.kernelVersionText !== expected) return null;
    return {
      kernel: 'development',
      kernelUuid: collection.kernelUuid,
      filesetUuid: collection.uuid,
      kernelVersionText: collection.kernelVersionText,
      honoursQuota: collection.hasQuotaSupport,
    };
  } catch {
    return null;
  }
}
