/**
 * disarm_kit: takes `raise` and its kernel collection off the Mac, as nobody consents to a raise any more.
 * Guarantee: what leads back stays (`revert`, `check`, the manifest with how the Mac stood before, the break-glass page, the receipt);
 * `raise` goes first, so that a cut removal leaves nothing that lowers; only in a folder that is Headroom's own.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PlanStep } from '@headroom/core';
import { AgentError, differs } from '../agent-error.ts';
import { isThere } from '../file-looks.ts';
import { syncFolder } from '../files.ts';
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
  act: async (_step, { mac }) => void (await takeArms(mac)),
  async verify(_step, { mac }) {
    const left = await armsOf(mac);
    if (left.length > 0) throw new AgentError('INTERNAL', differs(`Left in ${KIT_FOLDER}`, 'none', left.join(' ')));
    return { path: KIT_FOLDER };
  },
};

/** Gives back what it took. */
export async function takeArms(mac: Mac): Promise<readonly string[]> {
  const arms = await armsOf(mac);
  for (const name of arms) await rm(join(mac.path(KIT_FOLDER), name), { force: true });
  if (arms.length > 0) await syncFolder(mac.path(KIT_FOLDER));
  return arms;
}

/** In the order in which they go. */
async function armsOf(mac: Mac): Promise<readonly string[]> {
  return (await ownKitFolder(mac)).status === 'absent' ? [] : armsThere(mac);
}

/** Cheap enough to be asked often: whose folder it is is not looked at. */
export async function isArmed(mac: Mac): Promise<boolean> {
  return (await armsThere(mac)).length > 0;
}

async function armsThere(mac: Mac): Promise<readonly string[]> {
  const found = await Promise.all(ARMS.map((name) => isThere(join(mac.path(KIT_FOLDER), name))));
  return ARMS.filter((_name, index) => found[index]);
}
