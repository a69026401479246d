/** Plans as the evaluator would make them. */
import type { Plan, PlanStep } from '@headroom/core';
import { uuidv7 } from '../../../apps/controller/src/common/ids.ts';
import type { TestController } from './controller.ts';
import type { Mac } from './mac.ts';

export const KDK = {
  build: '23F79',
  version: '14.5',
  sha256: 'ab'.repeat(32),
  sizeBytes: 1,
  fileName: 'Kernel_Debug_Kit_14.5_build_23F79.dmg',
};

export interface OpenedPlan {
  readonly planId: string;
  readonly jobId: string;
  readonly bytes: Buffer;
}

export async function openPlan(
  { database, jobs, clock }: TestController,
  mac: Mac,
  steps: readonly PlanStep[],
  generation = 1,
): Promise<OpenedPlan> {
  const { fleetId, siteId } = database;
  const { hostId, hostUuid } = mac;
  const planId = uuidv7();
  const plan: Plan = {
    schemaVersion: 1,
    planId,
    fleetId,
    hostId,
    hostUuid,
    generation,
    intentNumber: 1,
    quota: 2,
    steps,
    grant: null,
  };
  const bytes = Buffer.from(JSON.stringify(plan));
  const jobId = await database.transaction(async (tx) => {
    const createdAt = clock.now();
    await tx.plan.create({
      data: {
        id: planId,
        siteId,
        hostId,
        generation: BigInt(generation),
        intentNumber: 1,
        bytes,
        signature: Buffer.alloc(0),
        state: 'open',
        createdAt,
      },
    });
    const kind = steps[0]?.kind ?? 'collect_facts';
    return jobs.openJob(tx, { hostId, planId, lane: 'plan', stepIndex: 0, kind });
  });
  return { planId, jobId, bytes };
}
