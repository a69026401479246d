/**
 * disarm_kit: takes `raise` and its kernel collection off the Mac, as nobody consents to a raise any more.
 * Guarantee: what leads back stays (`revert`, `check`, the manifest with how the Mac stood before, the break-glass page, the receipt);
 * `raise` goes first, so that a cut removal leaves nothing that lowers; only in a folder that is Headroom's own.
 */
import { lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PlanStep } from '@headroom/core';
import { AgentError, differs } from '../agent-error.ts';
import { isMissing, syncFolder } from '../files.ts';
import type { Mac } from '../mac.ts';
import { KIT_FOLDER } from '../paths.ts';
import { ownKitFolder } from './kit/folder.ts';
import { KIT_KC } from './kit/manifest.ts';
import type { StepHandler } from './step.ts';

type Step = Extract<PlanStep, { readonly kind: 'disarm_kit' }>;

export interface DisarmedKit {
  readonly path: string;
}

const ARMS = ['raise', KIT_KC] as const;

export const disarmKitStep: StepHandler<Step, DisarmedKit> = {
  check: async (_step, { mac }) => ((await armsOf(mac)).length === 0 ? { path: KIT_FOLDER } : null),
  async act(_step, { mac }) {
    for (const name of await armsOf(mac)) await rm(join(mac.path(KIT_FOLDER), name), { force: true });
    await syncFolder(mac.path(KIT_FOLDER));
  },
  async verify(_step, { mac }) {
    const left = await armsOf(mac);
    if (left.length > 0) throw new AgentError('INTERNAL', differs(`Left in ${KIT_FOLDER}`, 'none', left.join(' ')));
    return { path: KIT_FOLDER };
  },
};

/** In the order in which they go. */
async function armsOf(mac: Mac): Promise<readonly string[]> {
  if ((await ownKitFolder(mac)).status === 'absent') return [];
  const found = await Promise.all(ARMS.map((name) => isThere(join(mac.path(KIT_FOLDER), name))));
  return ARMS.filter((_name, index) => found[index]);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
