/** What the agent of a host adds to an answer: steps that it cannot do, and a doubt whose agent it is. */
import {
  FINDINGS,
  type Finding,
  type FindingCode,
  fillTemplate,
  type PlanStep,
  type TemplateArgs,
} from '@headroom/core';
import { kindsOf } from '../jobs/agent-kinds.ts';
import type { HostInput } from './host-input.ts';

/** How long a suspicion is shown after it was last confirmed. */
const CLONE_SHOWN_MS = 24 * 3_600_000;

/** Kinds among these steps that the agent lacks. A plan is not begun if one of them is missing at its end. */
export function lackingKinds({ capabilities }: HostInput, steps: readonly PlanStep[]): readonly string[] {
  const known = kindsOf(capabilities);
  return [...new Set(steps.map(({ kind }) => kind).filter((kind) => !known.includes(kind)))];
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
