import type { Presence } from '@headroom/core';

const MINUTE_MS = 60_000;
const ASLEEP_MS = 10 * MINUTE_MS;
const LOST_MS = 24 * 60 * MINUTE_MS;
/** How long an opened visit explains that a Mac is not heard of. */
const VISIT_MS = 60 * MINUTE_MS;
const ONLINE_MS_MIN = 5_000;

export interface PresenceInput {
  readonly lastSeenAt: Date | null;
  /** When the open visit was opened; null without one. */
  readonly visitOpenedAt: Date | null;
  readonly checkInMs: number;
  readonly now: Date;
}

export interface PresenceView {
  readonly presence: Presence;
  /** When silence alone changes it; null = never. */
  readonly changesAt: Date | null;
}

/** Is a host heard of? Three missed check-ins are a silence; what it means depends on its length and on an open visit. */
export function presenceOf({ lastSeenAt, visitOpenedAt, checkInMs, now }: PresenceInput): PresenceView {
  if (lastSeenAt === null) return { presence: 'silent', changesAt: null };
  const seen = lastSeenAt.getTime();
  const onlineUntil = seen + Math.max(3 * checkInMs, ONLINE_MS_MIN);
  const at = (presence: Presence, until: number) => ({ presence, changesAt: new Date(until) });
  if (now.getTime() < onlineUntil) return at('online', onlineUntil);
  const visitUntil = visitOpenedAt === null ? 0 : Math.max(visitOpenedAt.getTime(), seen) + VISIT_MS;
  if (now.getTime() < visitUntil) return at('in_visit', visitUntil);
  if (now.getTime() < seen + ASLEEP_MS) return at('asleep', seen + ASLEEP_MS);
  if (now.getTime() < seen + LOST_MS) return at('silent', seen + LOST_MS);
  return { presence: 'lost', changesAt: null };
}
