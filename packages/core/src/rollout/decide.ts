/**
 * `decideRollout`: which hosts a rollout opens now, and why it does not open more. Pure: the answer follows from the rollout,
 * its targets as they are counted now, and the time; nothing is remembered between two decisions. Guarantees (property-tested):
 * nothing opens unless the rollout runs, every earlier ring has succeeded and soaked, gate and window are open, and no error
 * threshold is reached; never more are under way than the concurrency allows, and of what was never seen to work one at a time.
 */
import { admit } from './admit.ts';
import { type RingCount, readRing } from './ring-count.ts';
import type { RolloutStrategy } from './strategy.ts';
import { findStuck, stuckTimes } from './stuck.ts';
import { isInWindow, opensAt } from './window.ts';

export const ROLLOUT_STATES = [
  'waiting_for_confirmation',
  'running',
  'paused',
  'halted',
  'finished',
  'superseded',
] as const;
export type RolloutState = (typeof ROLLOUT_STATES)[number];

export const TARGET_STATES = ['pending', 'opened', 'succeeded', 'failed', 'stuck', 'skipped', 'superseded'] as const;
export type TargetState = (typeof TARGET_STATES)[number];

export interface RolloutTarget {
  readonly hostId: string;
  readonly ring: number;
  readonly state: TargetState;
  readonly site: string;
  /** Build whose KDK this Mac still has to fetch; null when it has it, or is not known. */
  readonly kdkBuild: string | null;
  readonly endedAt: Date | null;
  /**
   * Its variant and macOS build, where the rollout asks for witnesses and a raise of the two was never witnessed here; null = it told
   * none. Absent = neither matters.
   */
  readonly unseenPair?: string | null;
  /** When its intent was flipped; absent or null = not yet. */
  readonly openedAt?: Date | null;
  /** What an opened Mac waits for, and since when: its own work, a person, or guests that somebody counts. */
  readonly phase: 'work' | 'visit' | 'witness';
  readonly phaseSince: Date;
}

export interface RolloutInput {
  readonly state: RolloutState;
  readonly strategy: RolloutStrategy;
  /** Rings whose manual gate a person opened. */
  readonly gatesOpened: readonly number[];
}

export interface StuckTarget {
  readonly hostId: string;
  readonly reason: string;
}

export interface RolloutDecision {
  readonly state: RolloutState;
  /** The ring that is under way, from 0. */
  readonly ring: number;
  /** Hosts whose intent flips now, in this order. */
  readonly open: readonly string[];
  readonly stuck: readonly StuckTarget[];
  /** One sentence; null when it waits for nothing. */
  readonly waitsFor: string | null;
  /** Is it a gate that a person has to open, and nothing else, that it waits for? */
  readonly isAtGate: boolean;
  /** When time alone moves it; null = it doesn't. */
  readonly movesAt: Date | null;
  readonly wouldStop: readonly string[];
}

export function decideRollout(rollout: RolloutInput, given: readonly RolloutTarget[], now: Date): RolloutDecision {
  const { strategy } = rollout;
  const stuck = rollout.state === 'running' ? findStuck(strategy.stuckAfter, given, now) : [];
  const stuckIds = new Set(stuck.map(({ hostId }) => hostId));
  const targets = given.map((target) =>
    stuckIds.has(target.hostId) ? { ...target, state: 'stuck' as const } : target,
  );
  const rings = strategy.rings.map((ring, index) => readRing(ring, index, targets));
  const current = currentRing(rings, now);
  const none = { open: [], movesAt: null, isAtGate: false };
  const base = { ...none, ring: current, stuck, wouldStop: wouldStop(rings, current) };
  const done = endOf(rollout, targets, rings, base);
  if (done !== null) return done;
  const held = ringHold(rollout, rings, current, now);
  const { able, unseen } = admit(strategy, targets, held === null ? current : current - 1);
  // A window keeps back what could open; where nothing could, it is not what the rollout waits for.
  const closed = able.length > 0 ? windowHold(strategy, now) : null;
  const open = closed === null ? able : [];
  const soaked = soakedAt(rings[current]);
  const times = [closed?.movesAt, soaked].flatMap((time) => time?.getTime() ?? []);
  return {
    ...base,
    state: 'running',
    open,
    waitsFor: open.length > 0 ? null : ((closed ?? held)?.waitsFor ?? unseen ?? waitsForRing(rings[current])),
    movesAt: earliest([...stuckTimes(strategy.stuckAfter, targets), ...times], now),
    isAtGate: able.length === 0 && held?.isGate === true,
  };
}

/** A rollout that does not move any more, or not now. */
function endOf(
  { state }: RolloutInput,
  targets: readonly RolloutTarget[],
  rings: readonly RingCount[],
  base: Omit<RolloutDecision, 'state' | 'waitsFor'>,
): RolloutDecision | null {
  const still = (next: RolloutState, waitsFor: string | null) => ({ ...base, state: next, waitsFor });
  if (state === 'finished' || state === 'superseded') return still(state, null);
  const isLeft = targets.some(({ state: one }) => one === 'pending' || one === 'opened');
  if (!isLeft && state === 'running') {
    const halt = rings.find(({ failed, errorLimit }) => errorLimit !== null && failed >= errorLimit);
    if (halt === undefined)
      return still(targets.every((one) => one.state === 'superseded') ? 'superseded' : 'finished', null);
  }
  if (state === 'waiting_for_confirmation')
    return still(state, 'A person: it takes the raise from many Macs and must be confirmed.');
  if (state === 'paused') return still(state, 'A person: it was paused.');
  if (state === 'halted') return still(state, 'A person: retry or skip what failed, then resume; or leave it halted.');
  const failed = rings.find(({ failed: count, errorLimit }) => errorLimit !== null && count >= errorLimit);
  if (failed !== undefined)
    return still('halted', `Ring ${failed.name}: ${failed.failed} failed, and ${failed.errorLimit} halt it.`);
  const short = rings.find(({ isShort, index }) => isShort && index < rings.length - 1);
  return short === undefined
    ? null
    : still('halted', `Ring ${short.name} ended with ${short.succeeded} of the ${short.needed} that must succeed.`);
}

/** The first ring whose successors may not open yet; the last one when all have succeeded. */
function currentRing(rings: readonly RingCount[], now: Date): number {
  const index = rings.findIndex((ring) => !hasSoaked(ring, now));
  return index < 0 ? Math.max(rings.length - 1, 0) : index;
}

function hasSoaked(ring: RingCount, now: Date): boolean {
  const at = soakedAt(ring);
  return at !== null && now >= at;
}

/** null = it has not succeeded yet. */
function soakedAt(ring: RingCount | undefined): Date | null {
  return ring?.succeededAt == null ? null : new Date(ring.succeededAt.getTime() + ring.soakMs);
}

interface Hold {
  readonly waitsFor: string;
  readonly movesAt: Date | null;
  readonly isGate?: boolean;
}

/** No intent flips outside the window. */
function windowHold({ window }: RolloutStrategy, now: Date): Hold | null {
  if (window === null || isInWindow(window, now)) return null;
  const movesAt = opensAt(window, now);
  const when = movesAt === null ? 'never opens' : `opens ${movesAt.toISOString()}`;
  return { waitsFor: `The maintenance window (${window.from}-${window.to} ${window.timeZone}): ${when}.`, movesAt };
}

/** Soak and gate: they hold the current ring; what is left of earlier ones goes on. */
function ringHold(
  { strategy, gatesOpened }: RolloutInput,
  rings: readonly RingCount[],
  current: number,
  now: Date,
): Hold | null {
  const ring = rings[current];
  if (ring === undefined) return null;
  const movesAt = soakedAt(ring);
  if (movesAt !== null && ring.pending === 0 && now < movesAt)
    return { waitsFor: `Ring ${ring.name} has succeeded and soaks until ${movesAt.toISOString()}.`, movesAt };
  if (strategy.rings[current]?.gate !== 'manual' || gatesOpened.includes(current) || ring.pending === 0) return null;
  return { waitsFor: `A person: the gate of ring ${ring.name}.`, movesAt: null, isGate: true };
}

function waitsForRing(ring: RingCount | undefined): string | null {
  if (ring === undefined) return null;
  const { name, opened, pending, succeeded, needed } = ring;
  const held = pending > 0 ? ` ${pending} wait for a free place.` : '';
  const possible = succeeded + opened + pending;
  const end =
    possible < needed
      ? `it halts when they have ended, as ${needed} must succeed and at most ${possible} can.`
      : `${Math.max(needed - succeeded, 0)} more must succeed.`;
  return `Ring ${name}: ${opened} under way, ${end}${held}`;
}

function wouldStop(rings: readonly RingCount[], current: number): readonly string[] {
  return rings
    .filter(({ index, size }) => index <= current && size > 0)
    .flatMap(({ name, failed, errorLimit }) =>
      errorLimit === null ? [] : [`Ring ${name}: ${failed} failed, ${errorLimit} halt it.`],
    );
}

function earliest(times: readonly number[], now: Date): Date | null {
  const future = times.filter((time) => time > now.getTime());
  return future.length === 0 ? null : new Date(Math.min(...future));
}
