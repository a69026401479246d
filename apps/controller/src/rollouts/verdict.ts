import { type Finding, type HostState, QUOTA_STOCK, type SuccessKind } from '@headroom/core';

/** What a rollout needs to know of a host after it was evaluated. */
export interface TargetView {
  readonly hostId: string;
  readonly rolloutId: string | null;
  readonly quota: number;
  readonly state: HostState;
  readonly waitsFor: string | null;
  readonly findings: readonly Finding[];
  /** Were three or more macOS guests seen alive at once in the present boot? */
  readonly witnessed: boolean;
  /** What the rollout counts as success of a raise. Absent = raised. */
  readonly success?: SuccessKind;
}

export interface Verdict {
  readonly state: 'opened' | 'succeeded' | 'failed';
  /** Why it failed, or what it waits for. */
  readonly reason: string | null;
}

/** States in which a stock kernel runs, by evidence: all that an intent of stock asks for. */
const STOCK_STATES: readonly HostState[] = ['not_started', 'kdk_missing', 'kdk_ready', 'kc_staged', 'reverted'];

/**
 * Host states that end a raise well, by what the policy chose; a witness is asked for beside them. A Mac that runs with another value is not
 * prepared before the agent has stored the new one.
 */
const SUCCESS_STATES: Readonly<Record<SuccessKind, readonly HostState[]>> = {
  prepared: ['ready_for_visit', 'half_done', 'object_not_booted', 'reboot_due', 'raised'],
  raised: ['raised'],
  witnessed: ['raised'],
};

/**
 * Has this target ended? Only evidence ends it well; a Mac that can never be a host, or whose step failed for good, ends it
 * badly; the rest waits, and says for what.
 */
export function verdict({ quota, state, waitsFor, findings, witnessed, success = 'raised' }: TargetView): Verdict {
  if (quota === QUOTA_STOCK && (STOCK_STATES.includes(state) || state === 'unsupported'))
    return { state: 'succeeded', reason: null };
  const isWitnessed = success !== 'witnessed' || witnessed;
  if (quota !== QUOTA_STOCK && SUCCESS_STATES[success].includes(state) && isWitnessed)
    return { state: 'succeeded', reason: null };
  const forGood = findings.find(({ code }) => code === 'STEP_FAILED_FOR_GOOD');
  const blocker = forGood ?? findings.find(({ severity }) => severity === 'blocker');
  const blocked = blocker === undefined ? null : `${blocker.title}. ${blocker.nextStep}`;
  if (state === 'unsupported' || forGood !== undefined)
    return { state: 'failed', reason: blocked ?? 'This Mac is unsupported.' };
  const witness =
    success === 'witnessed' && state === 'raised' ? 'Raised; three macOS guests alive at once are to be seen.' : null;
  return { state: 'opened', reason: blocked ?? waitsFor ?? witness };
}
