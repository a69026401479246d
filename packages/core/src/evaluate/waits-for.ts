/** One sentence for a table: what a host waits for. */
import type { EvaluateInput, Evaluation, Finding, HostState } from '../evaluate-types.ts';
import type { JobKind, PlanStep } from '../plan.ts';
import { QUOTA_STOCK } from '../quota.ts';

const STEP_WORDS: Readonly<Record<JobKind, string>> = {
  collect_facts: 'read facts',
  install_kdk: 'install the KDK',
  build_kc: 'build the kernel collection',
  place_kit: 'place the visit kit',
  set_boot_args: 'store the boot arguments',
  clear_boot_args: 'clear the boot arguments',
  disarm_kit: 'take raise off the Mac',
  remove_kit: 'remove the visit kit',
  remove_kc: 'remove the kernel collection',
  remove_kdk: 'remove the KDK',
  collect_diagnostics: 'collect diagnostics',
};

interface Outcome {
  readonly state: HostState;
  readonly steps: readonly PlanStep[] | null;
  readonly visit: Evaluation['visit'];
  readonly findings: readonly Finding[];
}

export function waitsFor(input: EvaluateInput, outcome: Outcome): string | null {
  const ended = outcome.findings.find(({ code }) => code === 'CONSENT_ENDED_STILL_RAISED');
  const waits = whatIsDue(input, outcome);
  if (ended === undefined) return waits;
  return waits === null || waits === `${ended.title}.` ? `${ended.title}.` : `${ended.title}. ${waits}`;
}

function whatIsDue({ work, intent }: EvaluateInput, { state, steps, visit, findings }: Outcome): string | null {
  if (state === 'no_facts') return 'The first report of the agent.';
  if (state === 'unsupported') return null;
  const isAtGoal = state === 'raised' && intent.quota !== QUOTA_STOCK;
  const open = steps ?? work.plan?.steps.slice(work.plan.nextStep) ?? [];
  const isTakenBack = open.some(({ kind }) => kind === 'disarm_kit');
  if (isAtGoal && visit === null && !isTakenBack) return null;
  if (open.length > 0) return `The agent: ${open.map(({ kind }) => STEP_WORDS[kind]).join(', ')}.`;
  if (visit !== null) return `A person: ${visit.kind} visit. ${visit.reason}`;
  const cause =
    findings.find(({ severity }) => severity === 'blocker') ??
    findings.find(({ code }) => code === 'STEP_FAILED' || code === 'GUESTS_RUNNING');
  return cause === undefined ? null : `${cause.title}.`;
}
