/**
 * The life of a job as one table: state x event -> next state and what has to happen with it. An empty cell means that the
 * event cannot happen in this state and is declined. Store and SQL take their conditions from here.
 */
export const JOB_STATES = [
  'queued',
  'leased',
  'cancelling',
  'succeeded',
  'failed',
  'refused',
  'cancelled',
  'dead',
] as const;
export type JobState = (typeof JOB_STATES)[number];

/** Ended, and not as wanted. */
export const BAD_ENDS = ['failed', 'refused', 'cancelled', 'dead'] as const satisfies readonly JobState[];

/**
 * lapse = the lease ran out (the Mac sleeps, or is off). retry = a failure that time may cure; exhaust = the last of these.
 * fail = any other failure. refuse = the agent declined. cancel = the plan was replaced. ask = somebody asks to cancel it.
 * expire = it is too old. let_go = the lease of a job that is being cancelled ran out.
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
  'ask',
  'expire',
  'let_go',
] as const;
export type JobEvent = (typeof JOB_EVENTS)[number];

/**
 * hand_out = give it to the asking session under the next lease number; extend = the same lease goes on; take_back = free
 * for the next who asks, at no cost; wait = count the attempt, free after the back-off; step_on = open the plan's next step,
 * or end the plan well; end_plan = the plan failed; stop_plan = the plan is cancelled, unless this was its last step and it is
 * done; none = only the state changes.
 */
export type JobEffect = 'hand_out' | 'extend' | 'take_back' | 'wait' | 'step_on' | 'end_plan' | 'stop_plan' | 'none';

export interface JobCell {
  readonly next: JobState;
  readonly effect: JobEffect;
}

/** Who ends jobs that nobody ends. */
export const JOBS_ACTOR = 'system:jobs';

/** How old a job may become. The Mac was away, or never came to it: what the plan was made from is older still. */
export const JOB_AGE_MS_MAX = 7 * 24 * 3_600_000;

/** How an agent's report ends a hand-out. */
const ENDS = {
  succeed: { next: 'succeeded', effect: 'step_on' },
  retry: { next: 'queued', effect: 'wait' },
  exhaust: { next: 'dead', effect: 'end_plan' },
  fail: { next: 'failed', effect: 'end_plan' },
  refuse: { next: 'refused', effect: 'end_plan' },
  cancel: { next: 'cancelled', effect: 'none' },
} as const satisfies Partial<Record<JobEvent, JobCell>>;

const JOB_LIFE: Readonly<Record<JobState, Partial<Readonly<Record<JobEvent, JobCell>>>>> = {
  // A lapsed job stays its last holder's until somebody else leases it: a Mac that wakes up goes on where it was.
  queued: {
    lease: { next: 'leased', effect: 'hand_out' },
    renew: { next: 'leased', effect: 'extend' },
    ...ENDS,
    ask: { next: 'cancelled', effect: 'stop_plan' },
    expire: { next: 'dead', effect: 'end_plan' },
  },
  leased: {
    lease: { next: 'leased', effect: 'hand_out' },
    renew: { next: 'leased', effect: 'extend' },
    lapse: { next: 'queued', effect: 'take_back' },
    ...ENDS,
    // The Mac is at it: it is told at its next renewal, and stops where nothing is half done. Until then nothing else is true.
    ask: { next: 'cancelling', effect: 'none' },
    expire: { next: 'cancelling', effect: 'none' },
  },
  cancelling: {
    ...ENDS,
    succeed: { next: 'succeeded', effect: 'stop_plan' },
    retry: { next: 'cancelled', effect: 'stop_plan' },
    exhaust: { next: 'cancelled', effect: 'stop_plan' },
    let_go: { next: 'cancelled', effect: 'stop_plan' },
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
