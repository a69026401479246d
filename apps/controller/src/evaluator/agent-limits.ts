/** What the agent of a host adds to an answer: steps that it cannot do, what follows from its age, and a doubt whose agent it is. */
import {
  ABILITIES,
  abilitiesFor,
  type Facts,
  FINDINGS,
  type Finding,
  type FindingCode,
  fillTemplate,
  type PlanStep,
  type TemplateArgs,
} from '@headroom/core';
import { abilitiesOf } from '../jobs/agent-abilities.ts';
import type { HostInput } from './host-input.ts';

/** How long a suspicion is shown after it was last confirmed. */
const CLONE_SHOWN_MS = 24 * 3_600_000;

/** What these steps need and the agent lacks. A plan is not begun if one thing is missing at its end. */
export function lackingFor(host: HostInput, steps: readonly PlanStep[]): readonly string[] {
  return lackingOf(host, [...new Set(steps.flatMap(abilitiesFor))]);
}

function lackingOf({ capabilities }: HostInput, wanted: readonly string[]): readonly string[] {
  const known = abilitiesOf(capabilities);
  return wanted.filter((ability) => !known.includes(ability));
}

export function agentTooOld({ agentVersion }: HostInput, lacking: readonly string[]): Finding {
  const kinds = lacking.join(', ');
  return finding('AGENT_TOO_OLD', {
    detail: `The next plan needs: ${kinds}.`,
    expected: `an agent that can do ${kinds}`,
    seen: `version ${agentVersion ?? 'unknown'}, which cannot`,
    args: { kinds, version: agentVersion ?? 'unknown' },
  });
}

/**
 * An agent older than this controller, where that matters: a step of it failed, which a newer one may do; or its kit lies there without
 * consent, and it can neither say whether `raise` is in it nor take that away.
 */
export function agentBehind(host: HostInput, findings: readonly Finding[], mayRaise: boolean): readonly Finding[] {
  const lacking = lackingOf(host, ABILITIES);
  const failed = failureOf(host, findings);
  const keepsRaise = !mayRaise && isArmedUnknown(host.facts) && lacking.includes('disarm_kit');
  if (lacking.length === 0 || (failed === null && !keepsRaise)) return [];
  const why = keepsRaise ? 'It cannot take `raise` off this Mac.' : `${failed}; a newer agent may do it.`;
  const version = host.agentVersion ?? 'unknown';
  return [
    finding('AGENT_BEHIND', {
      detail: why,
      expected: 'an agent as new as the controller',
      seen: `version ${version}, which lacks ${lacking.join(', ')}`,
      args: { version, why },
    }),
  ];
}

/** Of a plan that ended with it, or of one that waits for its next try. */
function failureOf({ plan }: HostInput, findings: readonly Finding[]): string | null {
  const ended = findings.find(({ code }) => code === 'STEP_FAILED' || code === 'STEP_FAILED_FOR_GOOD');
  if (ended !== undefined || plan === null || plan.lastError === null) return ended?.title ?? null;
  return `The step ${plan.steps[plan.nextStep]?.kind} failed with ${plan.lastError}`;
}

function isArmedUnknown(facts: Facts | null): boolean {
  return facts?.visitKit != null && facts.visitKit.armed === undefined;
}

/** null = no suspicion, or one that was not confirmed for a day. */
export function cloneSuspected({ cloneHint }: HostInput, now: Date): { finding: Finding; until: Date } | null {
  if (cloneHint === null) return null;
  const until = new Date(Date.parse(cloneHint.at) + CLONE_SHOWN_MS);
  if (until <= now) return null;
  const [one, other] = cloneHint.macs.map(
    ({ hardwareUuid, bootSessionId, agentVersion, address }) =>
      `hardware UUID ${hardwareUuid || 'unknown'}, boot session ${bootSessionId || 'unknown'}, agent ${agentVersion || 'unknown'}, from ${address || 'unknown'}`,
  );
  const detail = `At ${cloneHint.at}: ${cloneHint.reason}.`;
  return {
    finding: finding('CLONE_SUSPECTED', { detail, expected: `one: ${one}`, seen: `other: ${other}`, args: {} }),
    until,
  };
}

interface Text {
  readonly detail: string;
  readonly expected: string;
  readonly seen: string;
  readonly args: TemplateArgs;
}

/** A finding of the catalogue that is about no single fact. */
export function finding(code: FindingCode, { detail, expected, seen, args }: Text): Finding {
  const { severity, title, nextStep } = FINDINGS[code];
  const path = null;
  return {
    code,
    severity,
    title: fillTemplate(title, args),
    detail,
    expected,
    seen,
    nextStep: fillTemplate(nextStep, args),
    path,
  };
}
