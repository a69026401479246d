/** Situation: the input of one evaluation with what is read out of it once, for all the rules. */
import { hypervisorInBootArgs, parseBootArgs, quotaInBootArgs } from '../boot-args.ts';
import { hasCustomKernel } from '../custom-kernel.ts';
import type { EvaluateInput, EvidenceId, EvidencePiece, ProvenObject } from '../evaluate-types.ts';
import { raisedEvidence, sameText } from '../evidence.ts';
import type { Facts } from '../facts.ts';
import { type Observed, observe } from '../observe.ts';
import { QUOTA_STOCK } from '../quota.ts';
import { type UpdateRisk, updateRisks } from '../update-guard/update-risks.ts';
import { proveObject } from './proven-object.ts';

export interface Situation {
  readonly input: EvaluateInput;
  readonly facts: Facts;
  readonly observed: Observed;
  readonly evidence: readonly EvidencePiece[];
  /** The planned quota; null when stock is wanted. */
  readonly wantedQuota: number | null;
  /** What the updates ahead would do to a raise that is wanted, or still there. */
  readonly updates: readonly UpdateRisk[];
  /** The custom kernel of the policy that is known to be ours, by now. */
  readonly provenObject: ProvenObject | null;
}

export function readSituation(input: EvaluateInput, facts: Facts): Situation {
  const wantedQuota = input.intent.quota === QUOTA_STOCK ? null : input.intent.quota;
  const provenObject = proveObject(input);
  const evidence = raisedEvidence({ facts, record: input.record, provenObject, quota: wantedQuota });
  const observed = observe(facts);
  return {
    input,
    facts,
    observed,
    evidence,
    wantedQuota,
    provenObject,
    updates: updatesAhead(input, facts, { observed, wantedQuota }),
  };
}

function updatesAhead(
  { catalogue, updateAcceptances = [], now }: EvaluateInput,
  facts: Facts,
  { observed, wantedQuota }: Pick<Situation, 'observed' | 'wantedQuota'>,
): readonly UpdateRisk[] {
  const isConcerned = observed.kind !== 'unsupported' && (wantedQuota !== null || hasCustomKernel(facts) === true);
  return isConcerned ? updateRisks({ facts, catalogue, acceptances: updateAcceptances, now }) : [];
}

/** Does this piece hold? null = unknown. */
export function holds({ evidence }: Situation, id: EvidenceId): boolean | null {
  return evidence.find((piece) => piece.id === id)?.holds ?? null;
}

/** Quota that the running development kernel heeds: null when it was given none, or not told to heed it. */
export function quotaHeeded({ facts }: Situation): number | null {
  const line = facts.bootArgs.inForce;
  if (line === null || hypervisorInBootArgs(line) !== true) return null;
  const quota = quotaInBootArgs(line);
  return quota === null || Number.isNaN(quota) ? null : quota;
}

/** Does the stored line give the next boot all that is wanted? null = unknown. In a form that may mean it: no, and it is stored anew. */
export function storesWanted({ facts, input, wantedQuota }: Situation): boolean | null {
  const { stored, storedPresent } = facts.bootArgs;
  if (storedPresent === false) return false;
  if (stored === null) return null;
  const quota = quotaInBootArgs(stored);
  const quotaFits = wantedQuota === null ? quota !== null : quota === wantedQuota;
  return (
    quotaFits && hypervisorInBootArgs(stored) === true && missingExtra(stored, input.intent.extraArgs).length === 0
  );
}

/** Words of the policy that a line lacks. */
export function missingExtra(line: string, extraArgs: readonly string[]): readonly string[] {
  const words = parseBootArgs(line).map(({ word }) => word);
  return extraArgs.filter((word) => !words.includes(word));
}

export type RunningKernel = 'ours' | 'older_of_ours' | 'foreign' | 'unknown';

/** Whose kernel collection runs, by LC_UUID alone. An older one of ours is known by the record or by its file. */
export function runningKernel({ facts, input: { record } }: Situation): RunningKernel {
  const running = facts.kernel.filesetUuid?.toUpperCase();
  if (running === undefined) return 'unknown';
  if (running === record.kc?.uuid.toUpperCase()) return 'ours';
  const older = [...(record.olderKcs ?? []), ...(facts.kernelCollections ?? [])];
  return older.some(({ uuid }) => uuid?.toUpperCase() === running) ? 'older_of_ours' : 'foreign';
}

/** Build that the running kernel collection of ours was made for; null when it is not ours or that is unknown. */
export function runningBuild({ facts, input: { record } }: Situation): string | null {
  const running = facts.kernel.filesetUuid?.toUpperCase();
  const ours = [
    ...(record.kc === null ? [] : [record.kc]),
    ...(record.olderKcs ?? []),
    ...(facts.kernelCollections ?? []),
  ];
  return ours.find(({ uuid }) => running !== undefined && uuid?.toUpperCase() === running)?.build ?? null;
}

/**
 * Silent since its visit was opened, or since somebody said that it is done, for longer than the visit explains (`in_visit`). A
 * host that was heard of in a boot after that is no more silent than any other.
 */
export function isOverdue({ presence, work: { visit }, record }: EvaluateInput): boolean {
  if (visit === null || visit.openedAt === null || presence === 'online' || presence === 'in_visit') return false;
  const since = Math.max(Date.parse(visit.openedAt), visit.doneAt == null ? 0 : Date.parse(visit.doneAt));
  return record.bootFirstSeenAt === null || !(Date.parse(record.bootFirstSeenAt) > since);
}

/** Is the object in the policy the one that our visit read back, or that a boot has proven? Else it may be anybody's. */
export function isOwnObject({ facts: { receipt, bootPolicy }, provenObject }: Situation): boolean {
  const ours = [receipt?.customKernel ?? null, provenObject?.customKernel ?? null];
  return bootPolicy.customKernel !== null && ours.includes(bootPolicy.customKernel);
}

export type AtRestart = 'starts' | 'does_not_fit' | 'did_not_start' | 'unknown';

/**
 * What a restart would do with that object of ours: it starts it where it was built for this system, and no boot since its visit has
 * started another kernel. An object that is not known to fit is replaced by a visit, never tried.
 */
export function objectAtRestart(situation: Situation): AtRestart {
  if (objectBuild(situation) !== situation.facts.os.baseBuild) return 'does_not_fit';
  const isLater = holds(situation, 'boot_after_visit');
  if (isLater === null) return 'unknown';
  return isLater ? 'did_not_start' : 'starts';
}

/** Build of the collection that the object was made from: that of the boot that proved it, else of the kit whose receipt names it. */
export function objectBuild({ facts, provenObject, input: { record } }: Situation): string | null {
  const { receipt, bootPolicy } = facts;
  const isProven = provenObject?.customKernel === bootPolicy.customKernel;
  const isOfKit = receipt?.customKernel === bootPolicy.customKernel && receipt.visitId === record.kit?.visitId;
  const kcs = [...(record.kc === null ? [] : [record.kc]), ...(record.olderKcs ?? [])];
  const made = kcs.find(({ uuid, sha256 }) =>
    isProven ? sameText(uuid, provenObject.kcUuid) : isOfKit && sameText(sha256, record.kit?.kcSha256 ?? null),
  );
  return made?.build ?? null;
}

/** Did Headroom ever come so far on this Mac that something of it can be lowered? What others lowered is not ours to take back. */
export function isTouched(situation: Situation): boolean {
  const { facts, input } = situation;
  const { everRaised, visitOpenedAt } = input.record;
  const running = runningKernel(situation);
  const isOurs = facts.kernel.config === 'development' && (running === 'ours' || running === 'older_of_ours');
  return everRaised || visitOpenedAt !== null || facts.receipt !== null || isOurs;
}
