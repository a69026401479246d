/**
 * remove_kc: takes the kernel collections that were built here off the disk.
 * Guarantee: only once the Mac is proven stock; the folder is the agent's own, so everything in it is Headroom's.
 */
import { rm } from 'node:fs/promises';
import type { PlanStep } from '@headroom/core';
import { AgentError, differs } from '../agent-error.ts';
import { namesIn } from '../file-looks.ts';
import { KC_FOLDER } from '../paths.ts';
import type { StepHandler } from './step.ts';
import { checkIsStock } from './still-stock.ts';

type Step = Extract<PlanStep, { readonly kind: 'remove_kc' }>;
export interface RemovedKc {
  readonly path: string;
}

export const removeKcStep: StepHandler<Step, RemovedKc> = {
  check: async (_step, { mac }) => ((await namesIn(mac.path(KC_FOLDER))).length === 0 ? { path: KC_FOLDER } : null),

  async act(_step, context) {
    await checkIsStock(context);
    await rm(context.mac.path(KC_FOLDER), { recursive: true, force: true });
  },

  async verify(_step, { mac }) {
    const names = await namesIn(mac.path(KC_FOLDER));
    if (names.length > 0) throw new AgentError('INTERNAL', differs(`Files in ${KC_FOLDER}`, 'none', names.join(' ')));
    return { path: KC_FOLDER };
  },
};
