/** Ways of a rollout for the model on real Postgres, each with something else that holds Macs back. */
const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

export const STRATEGIES = ['plain', 'gated', 'by day', 'by night', 'witnessed'] as const;
export type StrategyName = (typeof STRATEGIES)[number];

const MORE: Readonly<Record<StrategyName, object>> = {
  plain: {},
  gated: { concurrency: { total: 2, perKdk: 1 } },
  'by day': {
    window: { timeZone: 'UTC', days: DAYS, from: '06:00', to: '18:00' },
    concurrency: { total: 2, perSite: 1 },
  },
  'by night': { window: { timeZone: 'UTC', days: DAYS, from: '18:00', to: '06:00' } },
  // Nobody is visited there, so nobody counts guests: more than the first Mac never begins.
  witnessed: { success: 'witnessed', concurrency: {} },
};

/** The ring of a share would follow from ids, and those are new in each run: a replay needs the same rings. */
export function strategyOf(name: StrategyName, first: readonly string[]): object {
  const gate = name === 'gated' ? { gate: 'manual' } : {};
  const soak = name === 'gated' ? { soakMinutes: 30 } : {};
  return {
    rings: [
      {
        ...{ name: 'first', take: { kind: 'hosts', hostIds: first } },
        ...{ successAt: { percent: 50 }, errorAt: { count: 2 }, ...soak },
      },
      { name: 'rest', take: { kind: 'rest' }, errorAt: { count: 2 }, ...gate },
    ],
    success: 'prepared',
    concurrency: { total: 2 },
    stuckAfter: { workMinutes: 600, visitMinutes: null },
    lateJoiners: 'last_ring',
    ...MORE[name],
  };
}

/** The one of the two windows that is closed at this time. */
export function closedWindow(now: Date): StrategyName {
  return now.getUTCHours() >= 6 && now.getUTCHours() < 18 ? 'by night' : 'by day';
}
