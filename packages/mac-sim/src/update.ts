/**
 * Updating macOS: what an update does to a Mac with a custom kernel. Files vanish from KDKs, the system manifest (`nsih`) changes,
 * the installed object stays behind in the old folder, and the boot policy is written anew without it.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startMacos, stop } from './boot.ts';
import { systemFor } from './catalogue/systems.ts';
import { osState, stockPolicy, writeSystemVersion } from './create.ts';
import { writeUpdateFiles } from './offer.ts';
import { type SimState, updateState } from './state.ts';

export interface UpdateOptions {
  readonly version: string;
  readonly build: string;
  /** The rarer case: the policy still names the kernel of the old build, and the Mac stops at an error. */
  readonly keepsCustomKernel?: boolean;
}

/** A running Mac restarts into the new system; one that is off stays off. */
export function updateMac(dir: string, options: UpdateOptions, now: Date = new Date()): SimState {
  const system = systemFor(options.version, options.build);
  return updateState(dir, (draft) => {
    const wasRunning = draft.power === 'macos';
    if (!wasRunning && draft.power !== 'off') throw new Error(`${dir}: power is ${draft.power}; updates need macOS`);
    if (wasRunning) stop(draft, 'clean');
    const { nsih, lpnh, spih, stng, love } = stockPolicy(draft.id, system);
    Object.assign(draft.policy, { nsih, lpnh, spih, stng, love });
    if (options.keepsCustomKernel !== true) draft.policy.coih = null;
    draft.os = osState(system);
    draft.pendingUpdate = null;
    writeSystemVersion(dir, draft.os);
    writeUpdateFiles(dir, draft);
    huskKdks(dir);
    if (wasRunning) startMacos(dir, draft, now);
  });
}

/** Removes the kernel files of every installed KDK; the folders stay, which is what makes a husk hard to see. */
export function huskKdks(dir: string): void {
  const kdks = join(dir, 'Library/Developer/KDKs');
  if (!existsSync(kdks)) return;
  for (const name of readdirSync(kdks)) {
    if (!name.endsWith('.kdk')) continue;
    const kernels = join(kdks, name, 'System/Library/Kernels');
    if (existsSync(kernels))
      for (const file of readdirSync(kernels)) rmSync(join(kernels, file), { recursive: true, force: true });
  }
}
