/** What a proposal would do to one host: asked of `evaluate` itself, with the proposed intent and as if the consent were given. */
import { type CatalogueKdk, encodeGrant, FINDINGS, QUOTA_STOCK } from '@headroom/core';
import { logger } from '../common/log.ts';
import { type AnswerContext, answer } from '../evaluator/answer.ts';
import type { HostInput } from '../evaluator/host-input.ts';
import type { GrantRow } from '../exceptions/grant-check.ts';

const log = logger('proposals');

export interface ProposedIntent {
  /** Null = stock. */
  readonly revisionId: string | null;
  readonly policy: string | null;
  readonly quota: number;
  readonly extraArgs: readonly string[];
}

export const HANDS = ['none', 'restart', 'recovery'] as const;
type Hands = (typeof HANDS)[number];
export const RISKS = ['none', 'restart', 'lowers_security', 'takes_raise_back'] as const;
type Risk = (typeof RISKS)[number];

export interface ProposedHost {
  readonly hostId: string;
  readonly before: { readonly quota: number; readonly state: string };
  readonly after: { readonly quota: number; readonly policy: string | null };
  readonly steps: readonly string[];
  readonly risk: Risk;
  readonly needsHands: Hands;
  readonly blockedBy: readonly { readonly code: string; readonly title: string }[];
  /** Does a grant that exists now name it? Null where none is needed. */
  readonly covered: boolean | null;
}

export interface ProposeContext {
  readonly fleetId: string;
  readonly checkInMs: number;
  readonly kdks: readonly CatalogueKdk[];
  readonly now: Date;
}

const DAY_MS = 86_400_000;

/** `granted` = words that a grant names which exists now; null = none covers the Mac. */
export function proposeHost(
  input: HostInput,
  proposed: ProposedIntent,
  granted: readonly string[] | null,
  context: ProposeContext,
): ProposedHost {
  try {
    return evaluated(input, proposed, granted, context);
  } catch (cause) {
    log(`host ${input.hostId} can't be evaluated for a proposal: ${(cause as Error).stack ?? String(cause)}`);
    return notEvaluated(input, proposed, granted);
  }
}

/** It spoils the preview of no other; what applying does to it is the most that it may be. */
function notEvaluated(input: HostInput, proposed: ProposedIntent, granted: readonly string[] | null): ProposedHost {
  const code = 'EVALUATION_FAILED';
  const hands = 'recovery';
  return {
    ...about(input, proposed, granted),
    steps: [],
    risk: riskOf(input.intent.quota, proposed.quota, hands),
    needsHands: hands,
    blockedBy: [{ code, title: FINDINGS[code].title }],
  };
}

function about(
  { hostId, intent, before }: HostInput,
  { quota, policy }: ProposedIntent,
  granted: readonly string[] | null,
) {
  return {
    hostId,
    before: { quota: intent.quota, state: before.state },
    after: { quota, policy },
    covered: quota === QUOTA_STOCK ? null : granted !== null,
  };
}

function evaluated(
  input: HostInput,
  proposed: ProposedIntent,
  granted: readonly string[] | null,
  context: ProposeContext,
): ProposedHost {
  const { quota, extraArgs } = proposed;
  const intent = { ...input.intent, number: input.intent.number + 1, quota, extraArgs, rolloutId: null };
  const grant = quota === QUOTA_STOCK ? null : supposedGrant(input, proposed, granted ?? [], context);
  const asked: HostInput = { ...input, intent: { ...intent, grant }, plan: null, failure: null };
  const supposed: AnswerContext = { ...context, listeningSince: null, verifies: () => true };
  const { evaluation } = answer(asked, supposed);
  const steps = (evaluation.steps ?? []).map(({ kind }) => kind);
  const needsHands = handsOf(steps, evaluation.visit?.kind ?? null);
  return {
    ...about(input, proposed, granted),
    steps,
    risk: riskOf(input.intent.quota, quota, needsHands),
    needsHands,
    blockedBy: evaluation.findings
      .filter(({ severity }) => severity === 'blocker')
      .map(({ code, title }) => ({ code, title })),
  };
}

function handsOf(steps: readonly string[], visit: string | null): Hands {
  const leadsToRecovery = steps.includes('place_kit') || steps.includes('clear_boot_args');
  if (leadsToRecovery || (visit !== null && visit !== 'restart')) return 'recovery';
  return visit === 'restart' || steps.includes('set_boot_args') ? 'restart' : 'none';
}

function riskOf(before: number, after: number, hands: Hands): Risk {
  if (after === QUOTA_STOCK) return before === QUOTA_STOCK ? 'none' : 'takes_raise_back';
  if (hands === 'recovery' || before === QUOTA_STOCK) return 'lowers_security';
  return hands === 'restart' ? 'restart' : 'none';
}

/** Never stored and never signed: it stands for the consent that would be asked for, or is there. */
function supposedGrant(
  { hardwareUuid, simulated }: HostInput,
  { quota, extraArgs }: ProposedIntent,
  granted: readonly string[],
  { fleetId, now }: ProposeContext,
): GrantRow {
  const expiresAt = new Date(now.getTime() + 365 * DAY_MS);
  const payload = encodeGrant({
    schemaVersion: 1,
    grantId: 'supposed',
    fleetId,
    hostUuids: [hardwareUuid],
    quotaMax: quota,
    extraArgs: [...extraArgs, ...granted],
    notBefore: new Date(now.getTime() - DAY_MS).toISOString(),
    expiresAt: expiresAt.toISOString(),
    shownTextSha256: '',
    approver: 'nobody',
    purpose: 'proposal',
    simulation: simulated,
  });
  return { id: 'supposed', payload, signature: '', keyId: 'supposed', expiresAt, revokedAt: null };
}
