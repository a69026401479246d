/**
 * The life of a job as one table: state x event -> next state and what has to happen with it. An empty cell means that the
 * event cannot happen in this state and is declined. Store and SQL take their conditions from here.
 */
export const JOB_STATES = ['queued', 'leased', 'succeeded', 'failed', 'refused', 'cancelled', 'dead'] as const;
export type JobState = (typeof JOB_STATES)[number];

/**
 * lapse = the lease ran out (the Mac sleeps, or is off). retry = a failure that time may cure; exhaust = the last of these.
 * fail = any other failure. refuse = the agent declined. cancel = the plan was replaced.
 */
export const JOB_EVENTS = [
  'lease',
  'renew',
  'lapse',
  'succeed',
  'retry',
  'exhaust',
  'fail',
  'refuse',
  'cancel',
] as const;
export type JobEvent = (typeof JOB_EVENTS)[number];

/**
 * hand_out = give it to the asking session under the next lease number; extend = the same lease goes on; take_back = free
 * for the next who asks, at no cost; wait = count the attempt, free after the back-off; step_on = open the plan's next step,
 * or end the plan well; end_plan = the plan failed; none = only the state changes.
 */
export type JobEffect = 'hand_out' | 'extend' | 'take_back' | 'wait' | 'step_on' | 'end_plan' | 'none';

export interface JobCell {
  readonly next: JobState;
  readonly effect: JobEffect;
}

/** How an agent's report ends a hand-out. */
const ENDS = {
  succeed: { next: 'succeeded', effect: 'step_on' },
  retry: { next: 'queued', effect: 'wait' },
  exhaust: { next: 'dead', effect: 'end_plan' },
  fail: { next: 'failed', effect: 'end_plan' },
  refuse: { next: 'refused', effect: 'end_plan' },
  cancel: { next: 'cancelled', effect: 'none' },
} as const satisfies Partial<Record<JobEvent, JobCell>>;

export const JOB_LIFE: Readonly<Record<JobState, Partial<Readonly<Record<JobEvent, JobCell>>>>> = {
  // A lapsed job stays its last holder's until somebody else leases it: a Mac that wakes up goes on where it was.
  queued: { lease: { next: 'leased', effect: 'hand_out' }, renew: { next: 'leased', effect: 'extend' }, ...ENDS },
  leased: {
    lease: { next: 'leased', effect: 'hand_out' },
    renew: { next: 'leased', effect: 'extend' },
    lapse: { next: 'queued', effect: 'take_back' },
    ...ENDS,
  },
  succeeded: {},
  failed: {},
  refused: {},
  cancelled: {},
  dead: {},
};

export function nextOf(state: JobState, event: JobEvent): JobCell | null {
  return JOB_LIFE[state][event] ?? null;
}

/** The states in which an event can happen, for SQL. */
export function statesTaking(event: JobEvent): JobState[] {
  return JOB_STATES.filter((state) => nextOf(state, event) !== null);
}

/** A job is open while something can still happen to it. */
export const OPEN_STATES: readonly JobState[] = JOB_STATES.filter((state) => Object.keys(JOB_LIFE[state]).length > 0);
