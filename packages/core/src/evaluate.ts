/**
 * `evaluate`: what one host is, what keeps it from what is wanted, and what comes next. Pure and deterministic: the same
 * input gives the same answer, ids and time come in with it. Guarantees (property-tested): `raised` only when every piece of
 * evidence holds; no lowering step and no raise or restart visit for it without a grant that covers; nothing at all for a host that
 * is unsupported; nothing that lowers for one that shall be stock, and nothing removed from it before stock is proven.
 */
import { describeError, isErrorCode } from './errors.ts';
import { type Consent, grantTimes, readConsent } from './evaluate/consent.ts';
import { withDisarm } from './evaluate/disarm.ts';
import { makeFinding, orderFindings } from './evaluate/make-finding.ts';
import { NOTHING_REMEMBERED, remember } from './evaluate/memory.ts';
import { decideNext, type Next, policyFindings } from './evaluate/next.ts';
import { extraArgsNotes, readRaisedNotes } from './evaluate/notes.ts';
import { isKcReady, type Preparation, prepare } from './evaluate/preparation.ts';
import { readProof } from './evaluate/proof.ts';
import { readUpdates } from './evaluate/readiness.ts';
import { withRecovery } from './evaluate/recovery.ts';
import { readSituation, type Situation } from './evaluate/situation.ts';
import { decideState } from './evaluate/state.ts';
import { readStock } from './evaluate/stock.ts';
import { readSilence, readUnfit } from './evaluate/unfit.ts';
import { waitsFor } from './evaluate/waits-for.ts';
import { decideStock } from './evaluate/way-back.ts';
import { readWitness } from './evaluate/witness.ts';
import type { EvaluateInput, Evaluation, Finding, HostState } from './evaluate-types.ts';
import type { PlanStep } from './plan.ts';

export function evaluate(input: EvaluateInput): Evaluation {
  if (input.facts === null) return evaluateWithoutFacts(input);
  const situation = readSituation(input, input.facts);
  return situation.wantedQuota === null ? evaluateStock(situation) : evaluateRaise(situation);
}

function evaluateWithoutFacts(input: EvaluateInput): Evaluation {
  const detail = 'The agent has enrolled and not reported yet.';
  const findings = [makeFinding('NO_FACTS', { detail }), ...readSilence(input, 'no_facts')];
  const memory = input.record.memory ?? NOTHING_REMEMBERED;
  return answer(input, { state: 'no_facts', findings, evidence: [], memory, next: NOTHING, updates: [] });
}

/** Stock is wanted: the way back, which needs no consent. */
function evaluateStock(situation: Situation): Evaluation {
  const { input, evidence, observed, updates } = situation;
  const state = decideState(situation, { rung: 'not_started', kcStaged: false });
  const way = withRecovery(situation, decideStock(situation, state));
  const isAssigned = input.intent.number > 0 && observed.kind !== 'unsupported';
  const next = isAssigned ? withDisarm(situation, way) : way;
  const findings = [...readUnfit(situation), ...readSilence(input, state), ...readStock(situation, state)];
  const ahead = updates.length > 0 ? readUpdates(situation, () => false) : [];
  const memory = remember(situation, state);
  return answer(input, { state, findings: [...findings, ...next.findings, ...ahead], evidence, memory, next, updates });
}

function evaluateRaise(situation: Situation): Evaluation {
  const { input, evidence, observed, updates } = situation;
  const consent = readConsent(situation);
  const prepared = prepare(situation, consent);
  const state = decideState(situation, { rung: prepared.rung, kcStaged: isKcReady(situation) });
  const memory = remember(situation, state);
  const findings = [...readUnfit(situation), ...readSilence(input, state)];
  if (observed.kind === 'unsupported')
    return answer(input, { state, findings, evidence, memory, next: NOTHING, updates });
  const way = withRecovery(situation, decideNext(situation, state, prepared, consent));
  const next = consent.covers ? way : withDisarm(situation, way);
  const own = [...findings, ...stateFindings(situation, { state, prepared, consent })];
  return answer(input, { state, findings: [...own, ...next.findings], evidence, memory, next, updates });
}

function stateFindings(
  situation: Situation,
  { state, prepared, consent }: { state: HostState; prepared: Preparation; consent: Consent },
): readonly Finding[] {
  const isProofDue = situation.observed.kind !== 'unknown' && (isCustomKernel(situation) || state === 'drifted');
  return [
    ...(isProofDue ? [...readProof(situation, state), ...extraArgsNotes(situation)] : []),
    ...(state === 'raised' ? readRaisedNotes(situation) : []),
    ...(state === 'unknown' ? [...prepared.findings, ...consent.findings] : []),
    ...policyFindings(situation, state),
  ];
}

function isCustomKernel({ facts }: Situation): boolean {
  return facts.kernel.config !== null && facts.kernel.config !== 'release';
}

const NOTHING: Next = { steps: [], visit: null, findings: [] };

interface Parts {
  readonly state: HostState;
  readonly findings: readonly Finding[];
  readonly evidence: Evaluation['evidence'];
  readonly memory: Evaluation['memory'];
  readonly next: Next;
  readonly updates: Evaluation['updates'];
}

/** Puts the answer together; holds steps back while others are open or one of them failed a moment ago. */
function answer(input: EvaluateInput, { state, findings, evidence, memory, next, updates }: Parts): Evaluation {
  const failure = failureOf(input, next.steps);
  const isHeld = input.work.plan !== null || next.steps.length === 0 || failure.isHeld;
  const steps = isHeld ? null : next.steps;
  const ordered = orderFindings([...findings, ...failure.findings]);
  return {
    state,
    waitsFor: waitsFor(input, { state, steps, visit: next.visit, findings: ordered }),
    findings: ordered,
    evidence,
    steps,
    witness: readWitness(input, state),
    memory,
    visit: next.visit,
    updates,
    reviewAt: reviewAt(input, failure.isHeld),
  };
}

interface FailureView {
  readonly isHeld: boolean;
  readonly findings: readonly Finding[];
}

/** A failure counts as long as the step that failed is still due, and holds the plan back until its next try. */
function failureOf({ work: { failure, plan }, now }: EvaluateInput, steps: readonly PlanStep[]): FailureView {
  if (failure === null || plan !== null || !steps.some(({ kind }) => kind === failure.kind))
    return { isHeld: false, findings: [] };
  const { kind, code, detail, retryAt } = failure;
  const args = { kind, code, remedy: remedyOf(code, detail), retryAt: retryAt ?? 'none' };
  const finding = makeFinding(retryAt === null ? 'STEP_FAILED_FOR_GOOD' : 'STEP_FAILED', { detail, seen: code, args });
  return { isHeld: retryAt === null || !(now.getTime() >= Date.parse(retryAt)), findings: [finding] };
}

function remedyOf(code: string, detail: string): string {
  if (!isErrorCode(code)) return 'Read the detail: this code is newer than the controller.';
  return describeError(code, { words: detail, problem: detail }).remedy;
}

/** When time alone could change the answer: the grant's warnings and its end, the next try of a failed step, the end of an acceptance. */
function reviewAt(input: EvaluateInput, isHeld: boolean): Date | null {
  const retryAt = isHeld ? input.work.failure?.retryAt : null;
  const acceptances = (input.updateAcceptances ?? []).map(({ expiresAt }) => Date.parse(expiresAt));
  const times = [...grantTimes(input), ...acceptances, ...(typeof retryAt === 'string' ? [Date.parse(retryAt)] : [])];
  const future = times.filter((time) => time > input.now.getTime());
  return future.length === 0 ? null : new Date(Math.min(...future));
}
