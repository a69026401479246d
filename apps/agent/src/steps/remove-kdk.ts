/**
 * remove_kdk: takes the KDKs that Headroom installed off the Mac, with their receipts.
 * Guarantee: only once the Mac is proven stock, and only builds that the agent noted as it installed them; the note goes last.
 */
import type { PlanStep } from '@headroom/core';
import { AgentError, differs } from '../agent-error.ts';
import { forgetInstalledKdks, installedKdks } from '../state/installed-kdks.ts';
import { removeKdk } from './kdk/remove.ts';
import type { StepHandler } from './step.ts';
import { checkIsStock } from './still-stock.ts';

type Step = Extract<PlanStep, { readonly kind: 'remove_kdk' }>;
export interface RemovedKdks {
  /** Builds whose KDK of ours is still there: none. */
  readonly left: readonly string[];
}

export const removeKdkStep: StepHandler<Step, RemovedKdks> = {
  check: async (_step, { mac }) => ((await installedKdks(mac)).length === 0 ? { left: [] } : null),

  async act(_step, context) {
    await checkIsStock(context);
    const { mac } = context;
    for (const build of await installedKdks(mac)) {
      context.progress(`removing the KDK of build ${build}`);
      await removeKdk(mac, build);
    }
    await forgetInstalledKdks(mac);
  },

  async verify(_step, { mac }) {
    const left = await installedKdks(mac);
    if (left.length > 0)
      throw new AgentError('INTERNAL', differs('KDKs installed by Headroom', 'none', left.join(' ')));
    return { left };
  },
};
