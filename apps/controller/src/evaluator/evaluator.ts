import { isNewSight, RULES_VERSION } from '@headroom/core';
import type { ControllerBus, Wake } from '../bus/bus.ts';
import { Daily } from '../common/daily.ts';
import { logger } from '../common/log.ts';
import type { Database, Tx } from '../db/database.ts';
import { verifierOf } from '../exceptions/grant-check.ts';
import type { GrantSigner } from '../exceptions/grant-signer.ts';
import { type KernelNews, learnKernels } from '../kdks/learn-kernels.ts';
import type { LabelRules } from '../labels/label-rules.ts';
import type { PlanWriter } from '../plans/plan-writer.ts';
import type { RolloutEngine } from '../rollouts/rollout-engine.ts';
import type { VisitWriter } from '../visits/visit-writer.ts';
import { type Answer, answer } from './answer.ts';
import { doApart } from './apart.ts';
import { changesState, tellChanges } from './changes.ts';
import {
  ANY_DUE,
  CLAIM_AGAIN,
  CLAIM_DUE,
  LET_REST,
  MARK_OUTDATED,
  MARK_RETURNED,
  STORE_STATES,
} from './evaluator-sql.ts';
import { loadBatch, loadKdks } from './host-batch.ts';
import { kernelNews } from './kernel-news.ts';
import { type FailedHost, postponeFailed } from './not-evaluated.ts';
import { storeWitnessed } from './witnessed.ts';

const log = logger('evaluator');
export const HOSTS_PER_BATCH = 200;
/** Hosts evaluated before other work gets its turn. */
const HOSTS_PER_TURN = 20;
const MARKED_AT_ONCE = 1_000;
const POSTPONE_MS = 10 * 60_000;

/** What the others are told once a batch is committed. */
interface AfterCommit {
  readonly wakes: readonly Wake[];
  /** Rollouts whose targets changed. */
  readonly rolloutIds: readonly string[];
  readonly kernels: readonly KernelNews[];
}

const NOTHING: AfterCommit = { wakes: [], rolloutIds: [], kernels: [] };

export interface EvaluatorDeps {
  readonly database: Database;
  readonly bus: ControllerBus;
  readonly plans: PlanWriter;
  readonly visits: VisitWriter;
  readonly rollouts: RolloutEngine;
  readonly labels: Pick<LabelRules, 'applyTo'>;
  readonly key: GrantSigner;
  readonly checkInMs: number;
  /** Since when this controller listens to agents. Absent = for long. */
  readonly listeningSince?: Date;
}

/**
 * The one writer of states and plans. It works on what is due in batches, each in one transaction; running twice, or in two
 * controllers at once, ends the same.
 */
export class Evaluator {
  private readonly outdated = new Daily();

  constructor(private readonly deps: EvaluatorDeps) {}

  /** Evaluates one batch; returns how many hosts it took. 0 = nothing is due. One that can't be evaluated holds up no other. */
  async runBatch(now: Date): Promise<number> {
    if ((await this.deps.database.look(ANY_DUE, now)).length === 0) return 0;
    let taken: readonly string[] = [];
    const claim = async (tx: Tx) => {
      taken = await claimed(tx, CLAIM_DUE, now, HOSTS_PER_BATCH);
      return taken;
    };
    await this.evaluate(claim, now).catch((cause: unknown) =>
      doApart(taken, cause, {
        work: (ids) => this.evaluate((tx) => claimed(tx, CLAIM_AGAIN, now, ids), now),
        giveUp: (hostId, error) =>
          this.deps.database.transaction((tx) => this.postpone(tx, [{ hostId, cause: error }], now)),
      }),
    );
    return taken.length;
  }

  private async evaluate(claim: (tx: Tx) => Promise<readonly string[]>, now: Date): Promise<void> {
    const { database, bus, rollouts } = this.deps;
    const { wakes, rolloutIds, kernels } = await database.transaction(async (tx) => {
      const ids = await claim(tx);
      return ids.length === 0 ? NOTHING : this.evaluateHosts(tx, ids, now);
    });
    rollouts.hasNews(rolloutIds);
    for (const wake of wakes) bus.publish(wake);
    await this.learn(kernels, now);
  }

  /** In transactions of its own, as all Macs of a build wait for its image. What is not kept is seen again at their next evaluation. */
  private async learn(kernels: readonly KernelNews[], now: Date): Promise<void> {
    for (const news of kernels)
      await learnKernels(this.deps, news, now).catch((error: unknown) =>
        log(`kernels of KDK ${news.sha256}, shown by host ${news.sight.hostId}, are not kept: ${String(error)}`),
      );
  }

  async markReturned(now: Date): Promise<void> {
    await this.deps.database.look(MARK_RETURNED, now);
  }

  /** After an update of the controller, and once a day for what one of an earlier release judged beside it. */
  async markOutdated(now: Date): Promise<void> {
    const mark = () => this.deps.database.look(MARK_OUTDATED, RULES_VERSION, now, MARKED_AT_ONCE);
    await this.outdated.run(now, async () => {
      while ((await mark()).length === MARKED_AT_ONCE);
    });
  }

  private async evaluateHosts(tx: Tx, ids: readonly string[], now: Date): Promise<AfterCommit> {
    const { database, key, checkInMs, listeningSince = null } = this.deps;
    await this.deps.labels.applyTo(tx, ids, now);
    const inputs = await loadBatch(tx, ids, now);
    const kdks = await loadKdks(tx);
    const context = { fleetId: database.fleetId, checkInMs, listeningSince, verifies: verifierOf(key), kdks, now };
    const answers: Answer[] = [];
    const failed: FailedHost[] = [];
    for (const [index, input] of inputs.entries()) {
      if (index % HOSTS_PER_TURN === HOSTS_PER_TURN - 1) await new Promise((resolve) => setImmediate(resolve));
      try {
        answers.push(answer(input, context));
      } catch (cause) {
        failed.push({ hostId: input.hostId, cause });
      }
    }
    await this.store(tx, answers, now);
    await this.postpone(tx, failed, now);
    const looked = new Set(inputs.map(({ hostId }) => hostId));
    const left = ids.filter((id) => !looked.has(id));
    if (left.length > 0) await tx.$executeRawUnsafe(LET_REST, left);
    const kernels = newOfEach(answers.flatMap(({ input }) => kernelNews(input, kdks, now)));
    return { ...(await this.act(tx, answers, now)), kernels };
  }

  private async postpone(tx: Tx, failed: readonly FailedHost[], now: Date): Promise<void> {
    for (const { hostId, cause } of failed)
      log(`host ${hostId} can't be evaluated, next try in 10 min: ${(cause as Error).stack ?? String(cause)}`);
    await postponeFailed(tx, failed, now, new Date(now.getTime() + POSTPONE_MS));
  }

  private async store(tx: Tx, answers: readonly Answer[], now: Date): Promise<void> {
    const { siteId } = this.deps.database;
    const rows = answers.map(({ input, evaluation, presence, findings, record, reviewAt }) => ({
      host_id: input.hostId,
      state: evaluation.state,
      presence,
      waits_for: evaluation.waitsFor,
      findings,
      evidence: evaluation.evidence,
      record,
      updates: evaluation.updates.map(({ acceptance, ...risk }) => ({ ...risk, acceptanceId: acceptance?.id ?? null })),
      review_at: reviewAt,
    }));
    await tx.$executeRawUnsafe(STORE_STATES, JSON.stringify(rows), RULES_VERSION, now);
    await storeWitnessed(tx, answers, siteId, now);
    await tellChanges(tx, answers, siteId, now);
  }

  /** Plans, visits and rollout targets that follow from the answers. */
  private async act(tx: Tx, answers: readonly Answer[], now: Date): Promise<Omit<AfterCommit, 'kernels'>> {
    const { plans, visits, rollouts } = this.deps;
    const replanned = answers.filter(wantsNewPlan);
    const ended = answers.filter((one) => one.planIsObsolete || replanned.includes(one));
    await plans.supersede(
      tx,
      ended.flatMap(({ input }) => (input.plan === null ? [] : [{ id: input.plan.id, hostId: input.hostId }])),
      now,
    );
    await plans.create(
      tx,
      replanned.map(({ input, evaluation: { steps } }) => ({
        hostId: input.hostId,
        hardwareUuid: input.hardwareUuid,
        generation: input.generation,
        intentNumber: input.intent.number,
        quota: input.intent.quota,
        grant: input.intent.grant,
        steps: steps ?? [],
      })),
      now,
    );
    const drained: string[] = [];
    for (const { input, evaluation, presence, visitIsObsolete: obsolete } of answers) {
      const { state, evidence, visit: wanted } = evaluation;
      const { hostId, facts, visit: open, kit } = input;
      if (open === null && wanted === null) continue;
      const fileVault = facts?.fileVault ?? null;
      const need = { hostId, open, wanted, kit, obsolete, state, presence, evidence, fileVault };
      if ((await visits.reconcile(tx, need, now)).drainIsOver) drained.push(hostId);
    }
    const rolloutIds = await rollouts.note(
      tx,
      answers.map(({ input: { hostId, intent }, evaluation: { state, waitsFor, findings, witness } }) => ({
        hostId,
        rolloutId: intent.rolloutId,
        quota: intent.quota,
        state,
        waitsFor,
        findings,
        witnessed: witness !== null,
      })),
      now,
    );
    const wakes = [
      ...replanned.map(({ input }): Wake => ({ kind: 'work', hostId: input.hostId })),
      ...drained.map((hostId): Wake => ({ kind: 'notice', hostId })),
      ...answers.filter(changesState).map(({ input }): Wake => ({ kind: 'changed', hostId: input.hostId })),
    ];
    return { wakes, rolloutIds };
  }
}

/** A build is installed on many Macs at once, and they show the same: as many words of it as count, and no more. */
function newOfEach(news: readonly KernelNews[]): readonly KernelNews[] {
  const kept: KernelNews[] = [];
  for (const { sha256, sight } of news) {
    const sights = kept.filter((one) => one.sha256 === sha256).map((one) => one.sight);
    if (isNewSight(sights, sight)) kept.push({ sha256, sight });
  }
  return kept;
}

/** The same steps under way already are not planned again. */
function wantsNewPlan({ input: { plan }, evaluation: { steps }, planIsObsolete }: Answer): boolean {
  if (steps === null || steps.length === 0) return false;
  if (plan === null || planIsObsolete) return true;
  return JSON.stringify(plan.steps.slice(plan.nextStep)) !== JSON.stringify(steps);
}

async function claimed(tx: Tx, sql: string, now: Date, which: number | readonly string[]): Promise<readonly string[]> {
  const due = await tx.$queryRawUnsafe<{ hostId: string }[]>(sql, now, which);
  return due.map(({ hostId }) => hostId);
}
