import {
  type CatalogueKdk,
  type EvaluateInput,
  type Evaluation,
  evaluate,
  FINDING_SEVERITIES,
  type Finding,
  type HostRecord,
  isWithoutKernel,
  type KdkSource,
  LOWERING_KINDS,
  type OpenWork,
  type PlanStep,
  type PresenceView,
  presenceOf,
  QUOTA_STOCK,
  retryAfterFailure,
  type VerifySignature,
  waitsFor,
} from '@headroom/core';
import { uuidv7 } from '../common/ids.ts';
import { coverOf } from '../exceptions/grant-check.ts';
import { agentBehind, agentTooOld, cloneSuspected, lackingFor } from './agent-limits.ts';
import type { HostInput, PlanRow, Remembered, StoredFinding, VisitRow } from './host-input.ts';

/** Never look again sooner than this: a rule that asks for the past must not spin. */
const REVIEW_MS_MIN = 1_000;

export interface AnswerContext {
  readonly fleetId: string;
  readonly checkInMs: number;
  /** Since when this controller listens to agents; null = for long. */
  readonly listeningSince: Date | null;
  /** Is this signature by our grant key? */
  readonly verifies: VerifySignature;
  readonly kdks: readonly CatalogueKdk[];
  readonly now: Date;
}

/** What evaluation says about one host, with what has to be stored beside it. */
export interface Answer {
  readonly input: HostInput;
  readonly evaluation: Evaluation;
  readonly presence: PresenceView['presence'];
  readonly record: HostRecord & Remembered;
  readonly findings: readonly StoredFinding[];
  readonly reviewAt: Date | null;
  /** Made for another intent, with a KDK image that cannot be used any more, or in need of a consent that is gone. */
  readonly planIsObsolete: boolean;
  readonly visitIsObsolete: boolean;
}

/** Asks `evaluate` about one host. Pure but for the id of a possible new visit. */
export function answer(input: HostInput, context: AnswerContext): Answer {
  const { fleetId, checkInMs, listeningSince, verifies, kdks, now } = context;
  const { intent, visit, plan } = input;
  const { presence, changesAt } = presenceOf({
    lastSeenAt: input.lastSeenAt,
    bootFirstSeenAt: input.bootFirstSeenAt,
    visit,
    checkInMs,
    listeningSince,
    now,
  });
  const { hardwareUuid: hostUuid, simulated } = input;
  const { number, quota, extraArgs } = intent;
  const grant =
    quota === QUOTA_STOCK
      ? { covers: false, expiresAt: null, reason: null }
      : coverOf(intent.grant, { fleetId, hostUuid, simulated, quota, extraArgs, now }, verifies);
  const lacksConsent = quota !== QUOTA_STOCK && !grant.covers;
  const planIsObsolete =
    plan !== null &&
    (plan.intentNumber !== number ||
      plan.steps.slice(plan.nextStep).some((step) => isInVain(step, kdks)) ||
      (lacksConsent && isLowering(plan)) ||
      lackingFor(input, plan.steps.slice(plan.nextStep)).length > 0);
  const visitIsObsolete = visit !== null && isObsolete(visit, quota, lacksConsent);
  const record = recordOf(input);
  const asked: EvaluateInput = {
    facts: input.facts,
    intent: { number, quota, extraArgs, grant, ended: intent.ended ?? null },
    record,
    work: workOf(input, kdks, { planIsObsolete, visitIsObsolete }),
    presence,
    placeType: input.placeType,
    catalogue: { kdks, dropBundles: {} },
    updateAcceptances: input.updateAcceptances,
    newVisitId: uuidv7(now.getTime()),
    now,
  };
  const clone = cloneSuspected(input, now);
  const evaluation = withAgent(input, asked, clone === null ? [] : [clone.finding]);
  return {
    input,
    evaluation,
    presence,
    record: {
      ...record,
      everRaised: record.everRaised || evaluation.state === 'raised',
      memory: evaluation.memory,
      witness: evaluation.witness,
      lostSince: lostSince(input, presence),
    },
    findings: evaluation.findings.map((finding) => ({ ...finding, since: sinceOf(finding, input, now) })),
    reviewAt: reviewAt([evaluation.reviewAt, changesAt, clone?.until ?? null], now),
    planIsObsolete,
    visitIsObsolete,
  };
}

/** What the agent's limits add. Of steps that it cannot do none is begun, and the host waits for something else. */
function withAgent(input: HostInput, asked: EvaluateInput, doubts: readonly Finding[]): Evaluation {
  const evaluated = evaluate(asked);
  const lacking = lackingFor(input, evaluated.steps ?? []);
  const findings = bySeverity([
    ...(lacking.length > 0 ? [agentTooOld(input, lacking)] : []),
    ...agentBehind(input, evaluated.findings, asked.intent.grant.covers),
    ...doubts,
    ...evaluated.findings,
  ]);
  if (lacking.length === 0) return { ...evaluated, findings };
  const held = { ...evaluated, findings, steps: null };
  return { ...held, waitsFor: waitsFor(asked, held) };
}

/** `everRaised` starts anew when a host that was to be stock is to be raised again. */
function recordOf(input: HostInput): HostRecord & Pick<Remembered, 'intentQuota'> {
  const { kcs, kit, bootFirstSeenAt, visitOpenedAt, before, intent, witness } = input;
  const [kc = null, ...olderKcs] = kcs;
  const { everRaised = false, intentQuota = QUOTA_STOCK, memory } = before.remembered;
  const anew = intentQuota === QUOTA_STOCK && intent.quota !== QUOTA_STOCK;
  return {
    kc,
    olderKcs,
    kit,
    bootFirstSeenAt: bootFirstSeenAt?.toISOString() ?? null,
    visitOpenedAt: visitOpenedAt?.toISOString() ?? null,
    everRaised: everRaised && !anew,
    intentQuota: intent.quota,
    witness,
    memory,
  };
}

/** Made for another quota, or in need of a consent that is gone; to look at a lost Mac takes none. */
function isObsolete({ kind, quota }: VisitRow, wanted: number, lacksConsent: boolean): boolean {
  return kind !== 'recover' && (lacksConsent || (quota !== null && quota !== wanted));
}

/** Does a step still to come need consent? */
function isLowering({ steps, nextStep }: PlanRow): boolean {
  return steps.slice(nextStep).some(({ kind }) => LOWERING_KINDS.includes(kind));
}

/** Is it still the image that the catalogue has for its build? What was planned with another, or failed with it, is planned anew. */
function isOfNow({ build, sha256 }: KdkSource, kdks: readonly KdkSource[]): boolean {
  return kdks.find((kdk) => kdk.build === build)?.sha256 === sha256;
}

/** It installs an image that is not its build's any more, or that holds no kernel for this Mac, as others showed meanwhile. */
function isInVain(step: PlanStep, kdks: readonly CatalogueKdk[]): boolean {
  if (step.kind !== 'install_kdk') return false;
  return (
    !isOfNow(step.kdk, kdks) || kdks.some((one) => one.sha256 === step.kdk.sha256 && isWithoutKernel(one, step.variant))
  );
}

type Obsolete = Pick<Answer, 'planIsObsolete' | 'visitIsObsolete'>;

function workOf(
  { plan, visit, failure }: HostInput,
  kdks: readonly KdkSource[],
  { planIsObsolete, visitIsObsolete }: Obsolete,
): OpenWork {
  return {
    plan:
      plan === null || planIsObsolete
        ? null
        : { generation: Number(plan.generation), steps: plan.steps, nextStep: plan.nextStep },
    visit:
      visit === null || visitIsObsolete
        ? null
        : {
            visitId: visit.id,
            kind: visit.kind,
            openedAt: visit.openedAt?.toISOString() ?? null,
            doneAt: visit.doneAt?.toISOString() ?? null,
          },
    failure:
      failure === null || (failure.kdk !== null && !isOfNow(failure.kdk, kdks))
        ? null
        : {
            kind: failure.kind,
            code: failure.code,
            detail: failure.detail,
            at: failure.at.toISOString(),
            retryAt: retryAfterFailure(failure.code, failure.at, failure.failuresInRow)?.toISOString() ?? null,
          },
  };
}

/** A visit that begins, or a controller that was away, says nothing of where the Mac is: only the Mac itself ends it. */
function lostSince({ lastSeenAt, before }: HostInput, presence: PresenceView['presence']): string | null {
  if (presence === 'online') return null;
  const known = before.remembered.lostSince ?? null;
  return presence === 'lost' ? (known ?? lastSeenAt?.toISOString() ?? null) : known;
}

function sinceOf({ code, path }: { code: string; path: string | null }, { before }: HostInput, now: Date): string {
  const known = before.findings.find((finding) => finding.code === code && finding.path === path);
  return known?.since ?? now.toISOString();
}

function bySeverity(findings: readonly Finding[]): readonly Finding[] {
  return FINDING_SEVERITIES.flatMap((severity) => findings.filter((finding) => finding.severity === severity));
}

function reviewAt(times: readonly (Date | null)[], now: Date): Date | null {
  const known = times.filter((time) => time !== null).map((time) => time.getTime());
  return known.length === 0 ? null : new Date(Math.max(Math.min(...known), now.getTime() + REVIEW_MS_MIN));
}
