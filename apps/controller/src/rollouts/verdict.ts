import { type Finding, type HostState, QUOTA_STOCK } from '@headroom/core';

/** What a rollout needs to know of a host after it was evaluated. */
export interface TargetView {
  readonly hostId: string;
  readonly rolloutId: string | null;
  readonly quota: number;
  readonly state: HostState;
  readonly waitsFor: string | null;
  readonly findings: readonly Finding[];
}

export interface Verdict {
  readonly state: 'opened' | 'succeeded' | 'failed';
  /** Why it failed, or what it waits for. */
  readonly reason: string | null;
}

/** States in which a stock kernel runs, by evidence: all that an intent of stock asks for. */
const STOCK_STATES: readonly HostState[] = ['not_started', 'kdk_missing', 'kdk_ready', 'kc_staged', 'reverted'];

/** Has this target ended? Only evidence ends it well; a Mac that can never be a host ends it badly; the rest waits, and says for what. */
export function verdict({ quota, state, waitsFor, findings }: TargetView): Verdict {
  if (quota === QUOTA_STOCK && (STOCK_STATES.includes(state) || state === 'unsupported'))
    return { state: 'succeeded', reason: null };
  if (quota !== QUOTA_STOCK && state === 'raised') return { state: 'succeeded', reason: null };
  const blocker = findings.find(({ severity }) => severity === 'blocker');
  const blocked = blocker === undefined ? null : `${blocker.title}. ${blocker.nextStep}`;
  if (state === 'unsupported') return { state: 'failed', reason: blocked ?? 'This Mac is unsupported.' };
  return { state: 'opened', reason: blocked ?? waitsFor };
}
