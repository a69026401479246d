/** How a rollout goes from ring to ring: pinned when it is made, so that a later revision never changes one under way. */

/** `count` and `percent` of the ring's Macs; where both are given, whichever is reached first. */
export interface Threshold {
  readonly count: number | null;
  readonly percent: number | null;
}

/** `percent` is cumulative: the Macs whose stable share lies below it and that no earlier ring took. */
export type RingTake =
  | { readonly kind: 'percent'; readonly percent: number }
  | { readonly kind: 'label'; readonly label: string }
  | { readonly kind: 'hosts'; readonly hostIds: readonly string[] }
  | { readonly kind: 'rest' };

export interface Ring {
  readonly name: string;
  readonly take: RingTake;
  /** So many must have succeeded before the next ring. */
  readonly successAt: Threshold;
  /** So many failures halt the rollout. Null = none do. */
  readonly errorAt: Threshold | null;
  /** Time between the success of this ring and the next one. */
  readonly soakMinutes: number;
  /** manual = a person opens this ring. */
  readonly gate: 'automatic' | 'manual';
  /** Why it is there, when no policy asked for it. */
  readonly reason?: string;
}

export const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** When intents may flip. `to` before `from` ends on the next day; the days are those on which it begins. */
export interface MaintenanceWindow {
  /** IANA name, e.g. Europe/Berlin. */
  readonly timeZone: string;
  readonly days: readonly Weekday[];
  /** HH:MM. */
  readonly from: string;
  readonly to: string;
}

/** Most Macs under way at once; null = no limit. */
export interface Concurrency {
  readonly total: number | null;
  readonly perSite: number | null;
  /** Macs that still have to fetch the KDK of the same build. */
  readonly perKdk: number | null;
}

/** After so long in the same place a Mac counts as stuck, which is a failure until it comes through. Null = never. */
export interface StuckAfter {
  readonly workMinutes: number | null;
  readonly visitMinutes: number | null;
}

/** What a ring waits for. `witnessed` = raised, and three or more macOS guests were alive at once in that boot. */
export const SUCCESS_KINDS = ['prepared', 'raised', 'witnessed'] as const;
export type SuccessKind = (typeof SUCCESS_KINDS)[number];

export interface RolloutStrategy {
  readonly rings: readonly Ring[];
  readonly success: SuccessKind;
  readonly window: MaintenanceWindow | null;
  readonly concurrency: Concurrency;
  readonly stuckAfter: StuckAfter;
  /** Macs that the policy selects after the rollout was made: left alone, or added to the last ring. */
  readonly lateJoiners: 'leave' | 'last_ring';
}

const NO_LIMIT: Concurrency = { total: null, perSite: null, perKdk: null };
/** Where nobody says otherwise: half a working day, and a week for somebody to go there. */
export const STUCK_AFTER_DEFAULT: StuckAfter = { workMinutes: 240, visitMinutes: 7 * 24 * 60 };

/** One ring, all at once: what a policy without a strategy gets. Nothing halts it, as nothing is left that was not begun. */
export const AT_ONCE: RolloutStrategy = {
  rings: [
    {
      name: 'all',
      take: { kind: 'rest' },
      successAt: { count: null, percent: null },
      errorAt: null,
      soakMinutes: 0,
      gate: 'automatic',
    },
  ],
  success: 'raised',
  window: null,
  concurrency: NO_LIMIT,
  stuckAfter: STUCK_AFTER_DEFAULT,
  lateJoiners: 'leave',
};

/** The threshold in Macs of a ring of `size`; null when neither is given. */
export function thresholdOf({ count, percent }: Threshold, size: number): number | null {
  const limits = [...(count === null ? [] : [count]), ...(percent === null ? [] : [Math.ceil((percent * size) / 100)])];
  return limits.length === 0 ? null : Math.min(...limits);
}
