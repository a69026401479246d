import {
  AT_ONCE,
  decideRollout,
  inTwoParts,
  QUOTA_STOCK,
  type RolloutDecision,
  type RolloutStrategy,
  type RolloutTarget,
  ringOf,
  withFirstMacs,
} from '@headroom/core';
import { toJson } from '../audit/json.ts';
import type { ControllerBus } from '../bus/bus.ts';
import type { Clock } from '../common/clock.ts';
import { timeOf, uuidv7 } from '../common/ids.ts';
import { logger } from '../common/log.ts';
import type { Database, Tx } from '../db/database.ts';
import { writeAudit } from '../db/database.ts';
import { eachApart } from '../db/each-apart.ts';
import { keepStanding } from '../db/lock-order.ts';
import { neverWitnessed, unseenPairs } from '../witness/pairs.ts';
import { flipIntents } from './intent-flip.ts';
import { joinLate, type LateHosts } from './late-joiners.ts';
import { type ToldRollout, tellRollouts } from './rollout-news.ts';
import {
  ADD_TARGETS,
  AWAIT_ROLLOUT,
  COUNTED_TARGETS,
  DUE_ROLLOUTS,
  END_EMPTIED,
  LOCK_LIVE,
  LOCK_ROLLOUT,
  LOCK_STATES,
  MARK_STUCK,
  NEWEST_ROLLOUT,
  NOTABLE_TARGETS,
  NOTE_TARGETS,
  STILL_PENDING,
  SUPERSEDE_OLDER,
  YIELD_TO_NEWER,
} from './rollout-sql.ts';
import { takesMuch } from './takes-much.ts';
import { type TargetView, verdict } from './verdict.ts';

export interface NewRollout {
  /** Null = back to stock. */
  readonly revisionId: string | null;
  readonly hostIds: readonly string[];
  /** Hosts that the same change sends to stock, in this rollout and in others. Absent = those of this one. */
  readonly taken?: readonly string[];
  readonly actor: string;
  readonly now: Date;
  /** What it is for, when no policy says it. */
  readonly title?: string;
  /** The exception whose end it carries out: it waits for nobody, and takes many Macs in two parts, so that somebody can halt it. */
  readonly exceptionId?: string;
  /** Instead of the revision's own. */
  readonly strategy?: RolloutStrategy;
}

export interface MadeRollout {
  readonly id: string;
  readonly state: 'running' | 'waiting_for_confirmation';
}

interface HostRow {
  readonly hostId: string;
}

export interface LockedRollout {
  readonly id: string;
  readonly revisionId: string | null;
  readonly state: 'running';
  readonly strategy: RolloutStrategy | null;
  readonly gatesOpened: readonly number[];
  readonly createdBy: string;
  readonly reviewAt: Date | null;
  /** What it waited for at the last decision. */
  readonly stateReason: string | null;
}

const log = logger('rollouts');
const ACTOR = 'system:rollouts';
/** Hosts flipped in one transaction. */
const CHUNK = 200;
/** The longest time between two decisions of a running rollout. */
const REVIEW_MS = 60_000;

/** The one writer of intents: it decides with the rollout locked and its targets counted, so that two controllers never both do. */
export class RolloutEngine {
  /** Set once by whoever knows policies. */
  lateHosts: LateHosts = async () => [];
  /** Rollouts with news that a decision made meanwhile may not have counted. */
  private readonly withNews = new Set<string>();

  constructor(
    private readonly database: Database,
    private readonly bus: ControllerBus,
    private readonly clock: Clock,
  ) {}

  /**
   * Writes the rollout and its targets in the caller's transaction, which changes standing. One that makes several locks the targets of all
   * their hosts first. Intents flip in `openPending`, after commit.
   */
  async create(tx: Tx, order: NewRollout): Promise<MadeRollout> {
    const { revisionId, hostIds, taken = hostIds, actor, now, title = null, exceptionId = null } = order;
    const { siteId } = this.database;
    const revision =
      revisionId === null ? null : await tx.policyRevision.findUniqueOrThrow({ where: { id: revisionId } });
    const isBack = (revision?.quota ?? QUOTA_STOCK) === QUOTA_STOCK;
    const isMuch = isBack && (await takesMuch(tx, { hostIds: taken, madeBy: actor, now }));
    const isUnattended = exceptionId !== null;
    const own = isMuch && isUnattended ? inTwoParts(hostIds) : (revision?.strategy ?? null);
    const wanted = (order.strategy ?? own) as RolloutStrategy | null;
    // Nobody has to see guests for a way back.
    const strategy = wanted === null || isBack ? wanted : await this.startSmall(tx, wanted, hostIds);
    const state = isMuch && !isUnattended ? 'waiting_for_confirmation' : 'running';
    const made: MadeRollout = { id: await this.nextId(tx, now), state };
    await tx.rollout.create({
      data: {
        ...made,
        asksConfirmation: state === 'waiting_for_confirmation',
        siteId,
        revisionId,
        createdBy: actor,
        createdAt: now,
        title,
        exceptionId,
        ...(strategy !== null && { strategy: toJson(strategy) }),
      },
    });
    const rings = await this.ringsOf(tx, strategy ?? AT_ONCE, hostIds);
    await tx.$executeRawUnsafe(ADD_TARGETS, JSON.stringify(rings), made.id, siteId, 'pending', null, now);
    if (made.state === 'running') await this.supersedeOlder(tx, made.id, hostIds, now);
    await writeAudit(tx, {
      actor,
      action: 'rollout.create',
      entity: 'rollout',
      entityId: made.id,
      after: { revisionId, title, exceptionId, targets: hostIds.length, state: made.state },
      at: now,
      siteId,
    });
    const more = { targets: hostIds.length };
    const told = { ...made, revisionId, stateReason: null };
    await tellRollouts(tx, [told], { type: 'rollout.created', siteId, actor, now, more });
    return made;
  }

  /** After every rollout there is: which one is newer is told by their ids, also where the clock was put back since, or two asked at once. */
  private async nextId(tx: Tx, now: Date): Promise<string> {
    const [newest] = await tx.$queryRawUnsafe<{ id: string }[]>(NEWEST_ROLLOUT);
    return uuidv7(Math.max(now.getTime(), newest === undefined ? 0 : timeOf(newest.id) + 1));
  }

  /** One live rollout for each host: the newest that runs. Older ones say which took their Macs. */
  async supersedeOlder(tx: Tx, rolloutId: string, hostIds: readonly string[], now: Date): Promise<void> {
    await this.lockTargets(tx, hostIds);
    const reason = `The newer rollout ${rolloutId} is for this Mac.`;
    await tx.$executeRawUnsafe(SUPERSEDE_OLDER, hostIds, rolloutId, reason, now);
    await tx.$executeRawUnsafe(YIELD_TO_NEWER, rolloutId, 'A newer rollout is for this Mac.', now);
    await this.endEmptied(tx, now);
  }

  /** Whoever changes targets of several hosts or rollouts takes this first, for all of them; see lock-order.ts. */
  async lockTargets(tx: Tx, hostIds: readonly string[]): Promise<void> {
    if (hostIds.length > 0) await tx.$queryRawUnsafe(LOCK_LIVE, hostIds);
  }

  /** Rollouts that wait for a person, and whose last Macs were taken out or over in this transaction, are over. */
  async endEmptied(tx: Tx, now: Date): Promise<void> {
    const ended = await tx.$queryRawUnsafe<ToldRollout[]>(END_EMPTIED, now);
    await tellRollouts(tx, ended, { type: 'rollout.ended', siteId: this.database.siteId, actor: ACTOR, now });
  }

  /** Does it take the raise from many Macs, without a person's word for it? */
  async needsConfirmation(tx: Tx, rolloutId: string): Promise<boolean> {
    const { confirmedAt, asksConfirmation } = await tx.rollout.findUniqueOrThrow({ where: { id: rolloutId } });
    return asksConfirmation && confirmedAt === null;
  }

  /** After a commit: the change is made, and what can't be opened now is found by the sweep. */
  async openPending(now: Date): Promise<void> {
    await this.openDue(now).catch((error: unknown) => log(`opening what is due failed: ${String(error)}`));
  }

  /** Moves every running rollout as far as it may go now; resumes what a stop cut off. One that fails holds up no other. */
  async openDue(now: Date): Promise<void> {
    const due = await this.database.look<{ id: string }>(DUE_ROLLOUTS, now);
    const ids = new Set([...this.withNews, ...due.map(({ id }) => id)]);
    await eachApart(ids, String, (id) => this.open(id, now));
  }

  private async open(id: string, now: Date): Promise<void> {
    const hasNews = this.withNews.delete(id);
    try {
      // Many Macs take many steps. Each has its own time: who watches is told of the last half a minute.
      for (let at = now; await this.step(id, at, hasNews); at = this.clock.now());
    } catch (error) {
      if (hasNews) this.withNews.add(id);
      throw error;
    }
  }

  /** What `note` gave, after its commit: only from then on can a decision count it, however late that was. */
  hasNews(rolloutIds: readonly string[]): void {
    for (const id of rolloutIds) this.withNews.add(id);
  }

  /** What evaluation found out about targets, in the evaluator's transaction. Gives the rollouts that it may move, for `hasNews`. */
  async note(tx: Tx, hosts: readonly TargetView[], now: Date): Promise<readonly string[]> {
    const ids = hosts.map(({ hostId }) => hostId);
    const targets = await tx.$queryRawUnsafe<NotableTarget[]>(NOTABLE_TARGETS, ids);
    const byHost = new Map(hosts.map((host) => [host.hostId, host]));
    const changed = targets.flatMap(({ rolloutId, hostId, state, reason, success, countsKdks }) => {
      const host = byHost.get(hostId);
      // A target whose intent a newer rollout holds ends as superseded, in that rollout's flip.
      if (host === undefined || host.rolloutId !== rolloutId) return [];
      const next = verdict({ ...host, success });
      if (state !== 'opened' && next.state !== 'succeeded') return [];
      if (next.state === state && next.reason === reason) return [];
      // What a Mac waits for moves its rollout only where a KDK that it has by now makes room for the next.
      return [{ rollout_id: rolloutId, host_id: hostId, ...next, moves: next.state !== state || countsKdks }];
    });
    if (changed.length > 0) await tx.$executeRawUnsafe(NOTE_TARGETS, JSON.stringify(changed), now);
    return [...new Set(changed.filter(({ moves }) => moves).map(({ rollout_id }) => rollout_id))];
  }

  /** One decision and what follows from it, in one transaction. false when nothing is left to do now. */
  private async step(id: string, now: Date, hasNews: boolean): Promise<boolean> {
    const flipped = await keepStanding(this.database, async (tx) => {
      const [rollout] = await tx.$queryRawUnsafe<LockedRollout[]>(hasNews ? AWAIT_ROLLOUT : LOCK_ROLLOUT, id);
      if (rollout === undefined) return null;
      const strategy = rollout.strategy ?? AT_ONCE;
      if (rollout.reviewAt !== null && rollout.reviewAt <= now)
        await joinLate(tx, { rollout, strategy, siteId: this.database.siteId, lateHosts: this.lateHosts, now });
      const decision = decideRollout({ ...rollout, strategy }, await countedTargets(tx, id, strategy), now);
      return this.carryOut(tx, rollout, decision, now);
    });
    for (const hostId of flipped ?? []) this.bus.publish({ kind: 'due', hostId });
    return flipped !== null && flipped.length > 0;
  }

  private async carryOut(tx: Tx, rollout: LockedRollout, decision: RolloutDecision, now: Date) {
    const { siteId } = this.database;
    const { id, revisionId } = rollout;
    const wanted = decision.open.slice(0, CHUNK);
    const stuck = decision.stuck.map(({ hostId, reason }) => ({ host_id: hostId, reason }));
    const touched = [...wanted, ...stuck.map(({ host_id }) => host_id)];
    await tx.$queryRawUnsafe(LOCK_STATES, touched);
    await this.lockTargets(tx, touched);
    if (stuck.length > 0) await tx.$executeRawUnsafe(MARK_STUCK, id, JSON.stringify(stuck), now);
    await this.keep(tx, rollout, decision, now);
    const pending = await tx.$queryRawUnsafe<HostRow[]>(STILL_PENDING, id, wanted);
    const hostIds = pending.map(({ hostId }) => hostId);
    if (hostIds.length === 0) return [];
    await flipIntents(tx, { siteId, rolloutId: id, revisionId, hostIds, now });
    return hostIds;
  }

  private async keep(tx: Tx, rollout: LockedRollout, decision: RolloutDecision, now: Date): Promise<void> {
    const { id, revisionId } = rollout;
    const { state, waitsFor, movesAt } = decision;
    const isEnd = state === 'finished' || state === 'superseded';
    const latest = now.getTime() + REVIEW_MS;
    const reviewAt = new Date(Math.min(movesAt?.getTime() ?? latest, latest));
    await tx.rollout.update({
      where: { id },
      data: { state, stateReason: waitsFor, decidedAt: now, reviewAt, ...(isEnd && { finishedAt: now }) },
    });
    const { siteId } = this.database;
    const told = { id, revisionId, state, stateReason: waitsFor };
    const by = { siteId, actor: ACTOR, now };
    // Told once, when it gets there: a person has to come.
    if (decision.isAtGate && waitsFor !== rollout.stateReason)
      await tellRollouts(tx, [told], { ...by, type: 'rollout.waits' });
    if (state === 'running') return;
    await writeAudit(tx, {
      actor: ACTOR,
      action: isEnd ? 'rollout.end' : `rollout.${state}`,
      entity: 'rollout',
      entityId: id,
      before: { state: 'running' },
      after: { state, reason: waitsFor },
      at: now,
      siteId,
    });
    const type = isEnd ? 'rollout.ended' : 'rollout.changed';
    await tellRollouts(tx, [told], { ...by, type, more: isEnd ? {} : { change: 'halt' } });
  }

  /** Where the policy asks for witnesses: one Mac first of each build and variant that was never witnessed here. */
  private async startSmall(tx: Tx, strategy: RolloutStrategy, hostIds: readonly string[]): Promise<RolloutStrategy> {
    if (strategy.success !== 'witnessed') return strategy;
    const labels = await ringLabels(tx, strategy, hostIds);
    const unseen = await neverWitnessed(tx, hostIds);
    return withFirstMacs(
      strategy,
      unseen.map((host) => ({ ...host, labels: labels.get(host.hostId) ?? [] })),
    );
  }

  private async ringsOf(tx: Tx, strategy: RolloutStrategy, hostIds: readonly string[]) {
    const labels = await ringLabels(tx, strategy, hostIds);
    return hostIds.map((hostId) => ({
      host_id: hostId,
      ring: ringOf(strategy, { hostId, labels: labels.get(hostId) ?? [] }),
    }));
  }
}

/** Of the labels that rings ask for, those that each host has. */
async function ringLabels(
  tx: Tx,
  { rings }: RolloutStrategy,
  hostIds: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const asked = rings.flatMap(({ take }) => (take.kind === 'label' ? [take.label] : []));
  const labels = new Map<string, string[]>();
  if (asked.length === 0) return labels;
  const rows = await tx.$queryRaw<{ hostId: string; label: string }[]>`
    SELECT host_id::text AS "hostId", label FROM host_label
    WHERE label = ANY(${asked}::text[]) AND host_id = ANY(${[...hostIds]}::uuid[])`;
  for (const { hostId, label } of rows) labels.set(hostId, [...(labels.get(hostId) ?? []), label]);
  return labels;
}

interface NotableTarget {
  readonly rolloutId: string;
  readonly hostId: string;
  readonly state: string;
  readonly reason: string | null;
  readonly success: RolloutStrategy['success'];
  /** The rollout counts Macs that fetch the same KDK. */
  readonly countsKdks: boolean;
}

/** Targets as they are now: nothing is counted anywhere else. */
export async function countedTargets(
  tx: Tx,
  rolloutId: string,
  { concurrency, success }: RolloutStrategy,
): Promise<readonly RolloutTarget[]> {
  const rows = await tx.$queryRawUnsafe<(Omit<RolloutTarget, 'phaseSince'> & { phaseSince: Date | null })[]>(
    COUNTED_TARGETS,
    rolloutId,
    concurrency.perKdk !== null,
    QUOTA_STOCK,
  );
  const unseen = success === 'witnessed' ? await unseenPairs(tx, rolloutId) : new Map<string, string | null>();
  return rows.map((row) => {
    const unseenPair = unseen.get(row.hostId);
    return { ...row, phaseSince: row.phaseSince ?? new Date(0), ...(unseenPair !== undefined && { unseenPair }) };
  });
}
