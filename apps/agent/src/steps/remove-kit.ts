/**
 * remove_kit: takes the visit kit off the Mac, with its receipt.
 * Guarantee: only once the Mac is proven stock, and only a folder that is Headroom's own; `raise` goes first, so that a cut removal
 * leaves nothing that lowers.
 */
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PlanStep } from '@headroom/core';
import { AgentError, differs } from '../agent-error.ts';
import { syncFolder } from '../files.ts';
import { KIT_FOLDER } from '../paths.ts';
import { ownKitFolder } from './kit/folder.ts';
import type { StepHandler } from './step.ts';
import { checkIsStock } from './still-stock.ts';

type Step = Extract<PlanStep, { readonly kind: 'remove_kit' }>;
export interface RemovedKit {
  readonly path: string;
}

export const removeKitStep: StepHandler<Step, RemovedKit> = {
  check: async (_step, { mac }) => ((await ownKitFolder(mac)).status === 'absent' ? { path: KIT_FOLDER } : null),

  async act(_step, context) {
    await checkIsStock(context);
    const folder = context.mac.path(KIT_FOLDER);
    if ((await ownKitFolder(context.mac)).status === 'absent') return;
    await rm(join(folder, 'raise'), { force: true });
    await rm(folder, { recursive: true, force: true });
    await syncFolder(dirname(folder));
  },

  async verify(_step, { mac }) {
    const { status } = await ownKitFolder(mac);
    if (status !== 'absent') throw new AgentError('INTERNAL', differs(KIT_FOLDER, 'absent', status));
    return { path: KIT_FOLDER };
  },
};
