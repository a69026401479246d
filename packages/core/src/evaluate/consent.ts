/** Consent: what may be lowered now, and the boot-args line that would be stored. Without it no lowering step and no visit. */
import { type MergeResult, mergeBootArgs } from '../boot-args.ts';
import type { EvaluateInput, Finding } from '../evaluate-types.ts';
import { factUnknown, makeFinding } from './make-finding.ts';
import type { Situation } from './situation.ts';

export interface Consent {
  /** Does the grant cover this host, quota and arguments now? */
  readonly covers: boolean;
  /** The line to store; null when it cannot be told, or when something stored is in the way. */
  readonly bootArgs: string | null;
  readonly findings: readonly Finding[];
}

const DAY_MS = 86_400_000;
/** Days before the end of a grant at which it is warned. */
const GRANT_WARNING_DAYS = [30, 7, 1] as const;

export function readConsent(situation: Situation): Consent {
  const { input } = situation;
  const line = readLine(situation);
  const covers = grantHolds(input);
  const findings = covers ? expiryWarning(input) : [grantRefused(input)];
  return {
    covers,
    bootArgs: line.bootArgs,
    findings: [...findings, ...line.findings],
  };
}

/** The controller says whether the grant covers; the end is checked here again, as time goes on between two evaluations. */
function grantHolds({ intent: { grant }, now }: EvaluateInput): boolean {
  return grant.covers && !isPast(grant.expiresAt, now);
}

function isPast(time: string | null, now: Date): boolean {
  return time !== null && !(now.getTime() < Date.parse(time));
}

function grantRefused({ intent: { grant, quota }, now }: EvaluateInput): Finding {
  const reason = grant.reason ?? 'no grant names it';
  if (grant.expiresAt !== null && isPast(grant.expiresAt, now))
    return makeFinding('GRANT_EXPIRED', {
      detail: `The grant ended ${grant.expiresAt}. Nothing is lowered, and no visit is made, without a new one.`,
      expected: 'a grant in time',
      seen: `ended ${grant.expiresAt}`,
      args: { expiresAt: grant.expiresAt },
    });
  return makeFinding('GRANT_MISSING', {
    detail: `Not covered: ${reason}.`,
    expected: `a grant for this Mac and quota ${quota}`,
    seen: reason,
    args: { quota, reason },
  });
}

function expiryWarning({ intent: { grant }, now }: EvaluateInput): readonly Finding[] {
  if (grant.expiresAt === null) return [];
  const leftMs = Date.parse(grant.expiresAt) - now.getTime();
  const days = GRANT_WARNING_DAYS.filter((limit) => leftMs <= limit * DAY_MS).at(-1);
  if (days === undefined) return [];
  return [
    makeFinding('GRANT_EXPIRES_SOON', {
      detail: 'After its end there are no new visits, and the quota is to be taken back.',
      seen: `ends ${grant.expiresAt}`,
      args: { days, expiresAt: grant.expiresAt },
    }),
  ];
}

/** Times at which the grant alone changes the answer: each warning, and the end. */
export function grantTimes({ intent: { grant } }: EvaluateInput): readonly number[] {
  if (grant.expiresAt === null) return [];
  const end = Date.parse(grant.expiresAt);
  return [...GRANT_WARNING_DAYS.map((days) => end - days * DAY_MS), end];
}

function readLine({ facts, input: { intent }, wantedQuota }: Situation): {
  readonly bootArgs: string | null;
  readonly findings: readonly Finding[];
} {
  const { stored, storedPresent } = facts.bootArgs;
  if (storedPresent !== false && stored === null)
    return { bootArgs: null, findings: [factUnknown(facts, 'bootArgs.stored')] };
  if (wantedQuota === null) return { bootArgs: null, findings: [] };
  const merged = mergeBootArgs({
    stored: storedPresent === false ? null : stored,
    quota: wantedQuota,
    extra: intent.extraArgs,
    granted: intent.grant.extraArgs ?? [],
  });
  return merged.ok
    ? { bootArgs: merged.line, findings: [] }
    : { bootArgs: null, findings: [lineRefused(merged, stored)] };
}

function lineRefused(merged: Extract<MergeResult, { ok: false }>, stored: string | null): Finding {
  const words = merged.words.join(' ');
  return makeFinding(merged.code, {
    detail: `In the way: ${words}.`,
    seen: stored ?? 'none stored',
    path: merged.code === 'BOOT_ARGS_NOT_ALLOWED' ? null : 'bootArgs.stored',
    args: { words },
  });
}
