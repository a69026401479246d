/**
 * What rollouts promise, checked by somebody who counts anew: at each flip, with the targets as they were before it, and after each event.
 * It does not ask `decideRollout` or anything that this asks; thresholds, limits, soak and window are reckoned here once more.
 */
import { QUOTA_STOCK, type Ring, type RolloutStrategy, type Threshold } from '@headroom/core';
import { hasNewer } from './memory-rollouts.ts';
import { pairOf } from './memory-witnesses.ts';
import { hostOf, type RolloutRow, type Rows, type TargetRow, timeOf } from './rows.ts';
import { fail, Violation } from './violation.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 1440 * MINUTE_MS;
const NO_STRATEGY: Pick<RolloutStrategy, 'rings' | 'concurrency' | 'window' | 'success'> = {
  success: 'raised',
  rings: [],
  concurrency: { total: null, perSite: null, perKdk: null },
  window: null,
};

/** Of one history of the database; a restore goes back to those of its snapshot. */
export interface RolloutBooks {
  /** Rollouts that a person, or a threshold, stopped, and nobody let go on since. */
  readonly stopped: Set<string>;
  /** `rollout ring` of each gate that a person opened. */
  readonly gates: Set<string>;
  /** `rollout host` of each Mac that a person took out. */
  readonly skipped: Set<string>;
  /** Variant and build of each Mac on which somebody counted more guests than every Mac allows. */
  readonly witnessed: Set<string>;
}

export function noBooks(): RolloutBooks {
  return { stopped: new Set(), gates: new Set(), skipped: new Set(), witnessed: new Set() };
}

export class RolloutWatch {
  books = noBooks();
  /** Of everything that was ever checked: a run in which nothing flips shows nothing. */
  flips = 0;
  /** Rollouts that stood still for a threshold or a person. */
  stops = 0;
  private readonly still = new Set<string>();
  private broken: unknown = null;

  constructor(
    private readonly rows: Rows,
    private readonly now: () => number,
  ) {}

  onStop(rolloutId: string): void {
    this.books.stopped.add(rolloutId);
  }

  /** Before a person lets it go on: what follows may open Macs at once. */
  onGo(rolloutId: string): void {
    this.books.stopped.delete(rolloutId);
  }

  onGate(rolloutId: string, ring: number): void {
    this.books.gates.add(`${rolloutId} ${ring}`);
  }

  onSkip(rolloutId: string, hostId: string): void {
    this.books.skipped.add(`${rolloutId} ${hostId}`);
  }

  onWitness(variant: string, build: string): void {
    this.books.witnessed.add(`${variant} ${build}`);
  }

  /** Intents are about to flip; the targets of these Macs still wait. Whoever asked may keep errors to himself: the next check tells. */
  onFlip(rolloutId: string, hostIds: readonly string[]): void {
    try {
      this.checkFlip(rolloutId, hostIds);
    } catch (error) {
      this.broken ??= error;
      throw error;
    }
  }

  private checkFlip(rolloutId: string, hostIds: readonly string[]): void {
    const rollout = this.rows.rollouts.find(({ id }) => id === rolloutId);
    if (rollout === undefined) throw new Violation(`rollout ${rolloutId} flips intents and is not there`);
    this.flips += hostIds.length;
    if (this.books.stopped.has(rolloutId)) fail(`rollout ${rolloutId} was stopped and opens ${hostIds.join(', ')}`);
    const { rings, concurrency, window, success } = rollout.strategy ?? NO_STRATEGY;
    const targets = this.rows.targets.filter((one) => one.rolloutId === rolloutId);
    const flipping = targets.filter(({ hostId }) => hostIds.includes(hostId));
    for (const one of flipping) {
      if (one.state !== 'pending') fail(`rollout ${rolloutId} opens ${one.hostId}, which is ${one.state}`);
      if (this.books.skipped.has(`${rolloutId} ${one.hostId}`))
        fail(`rollout ${rolloutId} opens ${one.hostId}, which somebody took out`);
      if (hasNewer(this.started(), one)) fail(`rollout ${rolloutId} takes ${one.hostId} from a newer one`);
    }
    if (window !== null && !isIn(window, this.now())) fail(`rollout ${rolloutId} opens Macs outside its window`);
    this.checkThresholds(rollout, rings, targets);
    for (const { ring } of flipping) this.checkRing(rollout, rings, targets, ring);
    this.checkLimits(rollout, concurrency, targets, flipping);
    if (success === 'witnessed' && this.isRaise(rollout.revisionId)) this.checkFirst(rollout, targets, flipping);
  }

  /** After each event: where no Mac flips, none may be under way beyond what is allowed. */
  check(): void {
    if (this.broken !== null) throw this.broken;
    const under = new Map<string, string>();
    for (const { rolloutId, hostId, state } of this.rows.targets) {
      if (state !== 'opened') continue;
      if (under.has(hostId)) fail(`${hostId} is under way in two rollouts: ${rolloutId} and ${under.get(hostId)}`);
      under.set(hostId, rolloutId);
    }
    for (const rollout of this.rows.rollouts) this.checkRollout(rollout);
  }

  private checkRollout(rollout: RolloutRow): void {
    const { id, state } = rollout;
    const { stopped } = this.books;
    const isStopped = state === 'halted' || state === 'paused';
    if (isStopped && !this.still.has(id)) this.stops += 1;
    if (isStopped) this.still.add(id);
    else this.still.delete(id);
    if (isStopped || state === 'waiting_for_confirmation') stopped.add(id);
    const { rings, concurrency } = rollout.strategy ?? NO_STRATEGY;
    const { total } = concurrency;
    if (total === null) return;
    const mine = this.rows.targets.filter(({ rolloutId }) => rolloutId === id);
    const opened = countOf(mine, 'opened');
    if (opened > total) fail(`rollout ${id}: ${opened} under way, ${total} may be`);
    for (const [index, { name, errorAt }] of rings.entries()) {
      if (errorAt?.percent != null || errorAt?.count == null) continue;
      const failed = countOf(
        mine.filter(({ ring }) => ring === index),
        ...FAILED,
      );
      if (failed > Math.max(errorAt.count, 1) - 1 + total)
        fail(`rollout ${id}, ring ${name}: ${failed} failed; ${errorAt.count} halt it and ${total} may be under way`);
    }
  }

  /** Without rollouts that nobody confirmed yet: until then the older ones go on. */
  private started(): Rows {
    const waiting = this.rows.rollouts.filter((one) => one.asksConfirmation && one.confirmedAt === null);
    const isWaiting = ({ rolloutId }: TargetRow) => waiting.some(({ id }) => id === rolloutId);
    return { ...this.rows, targets: this.rows.targets.filter((one) => !isWaiting(one)) };
  }

  private checkThresholds({ id }: RolloutRow, rings: readonly Ring[], targets: readonly TargetRow[]): void {
    for (const [index, { name, errorAt }] of rings.entries()) {
      const mine = membersOf(targets, index);
      const limit = errorAt === null ? null : limitOf(errorAt, mine.length);
      const failed = countOf(mine, ...FAILED);
      if (limit !== null && failed >= Math.max(limit, 1))
        fail(`rollout ${id} opens Macs though ${failed} of ring ${name} failed, and ${limit} halt it`);
    }
  }

  /** The rings before it have succeeded and soaked, and its own gate is open. */
  private checkRing({ id }: RolloutRow, rings: readonly Ring[], targets: readonly TargetRow[], at: number): void {
    for (const [index, { name, successAt, soakMinutes }] of rings.slice(0, at).entries()) {
      const mine = membersOf(targets, index);
      const needed = Math.min(limitOf(successAt, mine.length) ?? 0, mine.length);
      const ends = mine.filter(({ state }) => state === 'succeeded').map(({ endedAt }) => timeOf(endedAt));
      if (ends.length < needed)
        fail(`rollout ${id} opens ring ${at}: ${ends.length} of ${needed} succeeded in ${name}`);
      const since = ends.sort((left, right) => left - right)[needed - 1] ?? 0;
      if (this.now() < since + soakMinutes * MINUTE_MS) fail(`rollout ${id} opens ring ${at} while ${name} soaks`);
    }
    if (rings[at]?.gate === 'manual' && !this.books.gates.has(`${id} ${at}`))
      fail(`rollout ${id} opens ring ${at}, and nobody opened its gate`);
  }

  private checkLimits(
    { id, revisionId }: RolloutRow,
    { total, perSite, perKdk }: RolloutStrategy['concurrency'],
    targets: readonly TargetRow[],
    flipping: readonly TargetRow[],
  ): void {
    const under = [...targets.filter(({ state }) => state === 'opened'), ...flipping];
    if (total !== null && under.length > total) fail(`rollout ${id} has ${under.length} under way, ${total} may be`);
    for (const { hostId } of flipping) {
      const { location } = hostOf(this.rows, hostId);
      const there = under.filter((one) => hostOf(this.rows, one.hostId).location === location).length;
      if (perSite !== null && there > perSite)
        fail(`rollout ${id} has ${there} under way in ${location}, ${perSite} may be`);
      const build = this.isRaise(revisionId) ? this.fetches(hostId) : null;
      const fetching = under.filter((one) => build !== null && this.fetches(one.hostId) === build).length;
      if (perKdk !== null && fetching > perKdk)
        fail(`rollout ${id} has ${fetching} that fetch the KDK of ${build}, ${perKdk} may`);
    }
  }

  /** Of a pair of variant and build that nobody ever saw work, one Mac is under way. */
  private checkFirst({ id }: RolloutRow, targets: readonly TargetRow[], flipping: readonly TargetRow[]): void {
    const under = [...targets.filter(({ state }) => state === 'opened'), ...flipping].map(({ hostId }) => hostId);
    for (const { hostId } of flipping) {
      const pair = this.pairOf(hostId);
      if (pair === null) fail(`rollout ${id} opens ${hostId}, which told no variant and build`);
      const same = under.filter((one) => this.pairOf(one) === pair);
      if (pair !== null && !this.books.witnessed.has(pair) && same.length > 1)
        fail(`rollout ${id} has ${same.join(', ')} under way, and ${pair} was never witnessed`);
    }
  }

  private pairOf(hostId: string): string | null {
    const pair = pairOf(hostOf(this.rows, hostId).report.facts);
    return pair === null ? null : `${pair.variant} ${pair.build}`;
  }

  private isRaise(revisionId: string | null): boolean {
    return this.rows.revisions.some(({ id, quota }) => id === revisionId && quota > QUOTA_STOCK);
  }

  /** The build whose KDK this Mac has to fetch, by what it told last: none lies there, and no kernel collection makes it unneeded. */
  private fetches(hostId: string): string | null {
    const { facts } = hostOf(this.rows, hostId).report;
    const build = facts?.os.baseBuild ?? null;
    const isThere = [...(facts?.kdks ?? []), ...(facts?.kernelCollections ?? [])].some((one) => one.build === build);
    return isThere ? null : build;
  }
}

const FAILED = ['failed', 'stuck'];

/** Skipped and superseded Macs are no part of a ring. */
function membersOf(targets: readonly TargetRow[], index: number): readonly TargetRow[] {
  return targets.filter(({ ring, state }) => ring === index && state !== 'skipped' && state !== 'superseded');
}

function countOf(targets: readonly TargetRow[], ...states: readonly string[]): number {
  return targets.filter(({ state }) => states.includes(state)).length;
}

function limitOf({ count, percent }: Threshold, size: number): number | null {
  const share = percent === null ? null : Math.ceil((percent / 100) * size);
  return count === null ? share : share === null ? count : Math.min(count, share);
}

/** Windows here are daily and in UTC: that local time is right is shown elsewhere. */
function isIn({ from, to }: { readonly from: string; readonly to: string }, now: number): boolean {
  const minute = Math.floor((now % DAY_MS) / MINUTE_MS);
  const [start, end] = [from, to].map((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))) as [
    number,
    number,
  ];
  return start < end ? minute >= start && minute < end : minute >= start || minute < end;
}
