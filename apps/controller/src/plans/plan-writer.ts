import { LOWERING_KINDS, type Plan, type PlanStep } from '@headroom/core';
import { writeAudits, writeHostEvents } from '../audit/write-many.ts';
import { uuidv7 } from '../common/ids.ts';
import type { Database, Tx } from '../db/database.ts';
import type { HostEventEntry } from '../db/host-events.ts';
import { type GrantRow, signedGrant } from '../exceptions/grant-check.ts';

/** Opens and cancels jobs in the caller's transaction; the job store is one. */
export interface PlanJobs {
  /** Gives its id. The caller tells it in the timeline. */
  openJob(tx: Tx, job: NewJob): Promise<string>;
  cancelOpen(tx: Tx, order: CancelOrder): Promise<unknown>;
}

interface NewJob {
  readonly hostId: string;
  readonly planId: string | null;
  readonly lane: 'plan' | 'care';
  readonly stepIndex: number;
  readonly kind: PlanStep['kind'];
}

interface CancelOrder {
  readonly hostId: string;
  readonly lane: 'plan' | 'care';
  readonly actor: string;
  readonly reason: string;
}

export interface OpenPlan {
  readonly id: string;
  readonly hostId: string;
}

/** Who ends a plan, and why its job ends. */
export interface Superseding {
  readonly actor: string;
  readonly reason: string;
}

export interface NewPlan {
  readonly hostId: string;
  readonly hardwareUuid: string;
  /** Highest generation that either side knows of; the new plan is the next. */
  readonly generation: bigint;
  readonly intentNumber: number;
  readonly quota: number;
  readonly grant: GrantRow | null;
  readonly steps: readonly PlanStep[];
}

const ACTOR = 'system:evaluator';
const REPLACED: Superseding = { actor: ACTOR, reason: 'the plan was replaced' };

/** Writes plans. The caller holds the lock of each host's state row, so no two generations meet. */
export class PlanWriter {
  constructor(
    private readonly database: Database,
    private readonly jobs: PlanJobs,
  ) {}

  /** Stores each plan as one byte string and opens the job of its first step. */
  async create(tx: Tx, plans: readonly NewPlan[], now: Date): Promise<void> {
    if (plans.length === 0) return;
    const { siteId } = this.database;
    const rows = plans.map((plan) => ({ plan, row: this.rowOf(plan, now) }));
    // Reports before jobs before plans: the order of locks that finishing a job follows too.
    await tx.$executeRawUnsafe(
      RAISE_GENERATIONS,
      JSON.stringify(rows.map(({ row }) => ({ host_id: row.hostId, generation: String(row.generation) }))),
    );
    await tx.plan.createMany({ data: rows.map(({ row }) => row) });
    const opened: HostEventEntry[] = [];
    for (const { plan, row } of rows) {
      const [first] = plan.steps;
      if (first === undefined) continue;
      const { hostId } = plan;
      const step = { stepIndex: 0, kind: first.kind };
      const jobId = await this.jobs.openJob(tx, { hostId, planId: row.id, lane: 'plan', ...step });
      opened.push({ siteId, hostId, at: now, kind: 'step.opened', detail: { jobId, ...step } });
    }
    const detail = ({ plan, row }: (typeof rows)[number]) => ({
      planId: row.id,
      generation: Number(row.generation),
      steps: plan.steps.map(({ kind }) => kind),
    });
    const made = rows.map((one) => ({ siteId, hostId: one.row.hostId, at: now, kind: 'plan', detail: detail(one) }));
    await writeHostEvents(tx, [...made, ...opened]);
    await writeAudits(
      tx,
      rows.map((one) => ({
        actor: ACTOR,
        action: 'plan.create',
        entity: 'plan',
        entityId: one.row.id,
        after: { hostId: one.row.hostId, ...detail(one) },
        at: now,
        siteId,
      })),
    );
  }

  /** Ends open plans that nobody wants any more. An agent at work on one of their jobs learns it at its next renewal. */
  async supersede(tx: Tx, plans: readonly OpenPlan[], now: Date, why: Superseding = REPLACED): Promise<void> {
    if (plans.length === 0) return;
    const { actor, reason } = why;
    const { siteId } = this.database;
    const ids = plans.map(({ id }) => id);
    for (const { hostId } of plans) await this.jobs.cancelOpen(tx, { hostId, lane: 'plan', actor, reason });
    await tx.plan.updateMany({
      where: { id: { in: ids }, state: 'open' },
      data: { state: 'superseded', endedAt: now },
    });
    await writeHostEvents(
      tx,
      plans.map(({ id, hostId }) => ({ siteId, hostId, at: now, kind: 'plan.superseded', detail: { planId: id } })),
    );
    await writeAudits(
      tx,
      plans.map(({ id }) => ({
        actor,
        action: 'plan.supersede',
        entity: 'plan',
        entityId: id,
        before: { state: 'open' },
        after: { state: 'superseded' },
        at: now,
        siteId,
      })),
    );
  }

  private rowOf({ hostId, hardwareUuid, generation, intentNumber, quota, grant, steps }: NewPlan, now: Date) {
    const id = uuidv7(now.getTime());
    const next = generation + 1n;
    const lowers = steps.some(({ kind }) => LOWERING_KINDS.includes(kind));
    const consent = lowers ? grant : null;
    const plan: Plan = {
      schemaVersion: 1,
      planId: id,
      fleetId: this.database.fleetId,
      hostId,
      hostUuid: hardwareUuid,
      generation: Number(next),
      intentNumber,
      quota,
      steps,
      grant: consent === null ? null : signedGrant(consent),
    };
    return {
      id,
      siteId: this.database.siteId,
      hostId,
      generation: next,
      intentNumber,
      bytes: Buffer.from(JSON.stringify(plan), 'utf8'),
      signature: Buffer.alloc(0),
      state: 'open',
      createdAt: now,
      grantId: consent?.id ?? null,
      grantEndsAt: consent?.expiresAt ?? null,
    };
  }
}

/** $1 JSON [{host_id, generation}]. */
const RAISE_GENERATIONS = `
  UPDATE host_report r SET generation = GREATEST(r.generation, v.generation)
  FROM jsonb_to_recordset($1::jsonb) AS v(host_id uuid, generation bigint) WHERE r.host_id = v.host_id`;
