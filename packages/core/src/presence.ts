/** Is a host heard of? Silence is no evidence; what it may mean depends on its length and on an open visit. */
import type { Presence, VisitKind } from './evaluate-types.ts';

const MINUTE_MS = 60_000;
const ASLEEP_MS = 10 * MINUTE_MS;
const LOST_MS = 24 * 60 * MINUTE_MS;
/** How long an opened visit explains that a Mac is not heard of, as long as nobody said that it is done. */
const VISIT_MS = 60 * MINUTE_MS;
/** And once somebody did: a start takes one to three minutes, an unlock a little more. */
const BOOT_MS = 5 * MINUTE_MS;
const ONLINE_MS_MIN = 5_000;

/** What of the open visit explains a silence. */
export interface VisitWindow {
  readonly openedAt: Date | null;
  /** When somebody said last that the work at the Mac is done. */
  readonly doneAt: Date | null;
}

export interface PresenceInput {
  readonly lastSeenAt: Date | null;
  /** When the present boot session was first seen. */
  readonly bootFirstSeenAt: Date | null;
  /** The open visit; null without one. */
  readonly visit: VisitWindow | null;
  readonly checkInMs: number;
  /** Since when this controller listens: before, nobody could be heard. Absent = for long. */
  readonly listeningSince?: Date | null;
  readonly now: Date;
}

export interface PresenceView {
  readonly presence: Presence;
  /** When silence alone changes it; null = never. */
  readonly changesAt: Date | null;
}

/** Three missed check-ins are a silence. */
export function presenceOf(input: PresenceInput): PresenceView {
  const { lastSeenAt, now } = input;
  if (lastSeenAt === null) return { presence: 'silent', changesAt: null };
  const seen = lastSeenAt.getTime();
  const onlineUntil = seen + missedMs(input);
  const at = (presence: Presence, until: number) => ({ presence, changesAt: new Date(until) });
  if (now.getTime() < onlineUntil) return at('online', onlineUntil);
  const backAt = expectedBackAt(input)?.getTime() ?? null;
  const visitUntil = backAt === null ? 0 : Math.max(backAt, settledAt(input));
  if (now.getTime() < visitUntil) return at('in_visit', visitUntil);
  const asleepUntil = Math.max(seen + ASLEEP_MS, settledAt(input));
  if (now.getTime() < asleepUntil) return at('asleep', asleepUntil);
  if (now.getTime() < seen + LOST_MS) return at('silent', seen + LOST_MS);
  return { presence: 'lost', changesAt: null };
}

/**
 * The end of the window in which an open visit explains silence; null = none explains it. "Done" makes the window short, until
 * the Mac was heard in a boot after it: somebody may go into recoveryOS once more.
 */
export function expectedBackAt(input: Omit<PresenceInput, 'now'>): Date | null {
  const { lastSeenAt, bootFirstSeenAt, visit } = input;
  if (visit === null || visit.openedAt === null) return null;
  const seen = lastSeenAt?.getTime() ?? 0;
  const done = visit.doneAt?.getTime() ?? null;
  const isDone = done !== null && (bootFirstSeenAt === null || bootFirstSeenAt.getTime() <= done);
  if (isDone) return new Date(Math.max(done, seen) + BOOT_MS + missedMs(input));
  return new Date(Math.max(visit.openedAt.getTime(), seen) + VISIT_MS);
}

/**
 * A controller that was away says nothing of a silence before its agents had the time to come back. One that began in a time to come
 * had a clock that was set back since.
 */
function settledAt(input: PresenceInput): number {
  const { listeningSince = null, now } = input;
  return listeningSince === null || listeningSince > now ? 0 : listeningSince.getTime() + 2 * missedMs(input);
}

function missedMs({ checkInMs }: Pick<PresenceInput, 'checkInMs'>): number {
  return Math.max(3 * checkInMs, ONLINE_MS_MIN);
}

/** A check-in that was on its way when the drain began still tells of before. */
const DRAIN_HEARD_MS = 5_000;

export interface ClearInput {
  readonly processesAtMost: number | null;
  readonly presence: Presence;
  readonly drainedSince: Date | null;
  readonly lastSeenAt: Date | null;
}

/**
 * May the Mac be shut down without cutting a guest off? null = unknown, which is not clear: nobody counted; the Mac has not been
 * heard of, so that what it said may be old; or it is not drained, so that the next guest may start at any moment.
 */
export function clearToShutDown({ processesAtMost, presence, drainedSince, lastSeenAt }: ClearInput): boolean | null {
  if (processesAtMost === null || presence !== 'online') return null;
  if (processesAtMost > 0) return false;
  const isHeard =
    drainedSince !== null && lastSeenAt !== null && lastSeenAt.getTime() >= drainedSince.getTime() + DRAIN_HEARD_MS;
  return isHeard ? true : null;
}

const DUE_HOURS: Readonly<Record<VisitKind, number>> = { raise: 7 * 24, revert: 3 * 24, restart: 24, recover: 4 };

/** When a new visit is due if nobody says otherwise: never after the consent that it rests on. */
export function defaultDueAt(kind: VisitKind, now: Date, consentEndsAt: Date | null): Date {
  const due = now.getTime() + DUE_HOURS[kind] * 60 * MINUTE_MS;
  return new Date(consentEndsAt === null ? due : Math.min(due, Math.max(consentEndsAt.getTime(), now.getTime())));
}
