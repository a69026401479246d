/** What `evaluate` takes and gives. See evaluate.ts for the rules and docs/host-states.md (generated) for the table. */
import type { Facts } from './facts.ts';
import type { FindingCode } from './findings.ts';
import type { KernelSight } from './kdk-kernels.ts';
import type { PlaceType } from './place.ts';
import type { KcResult, KdkSource, PlanStep } from './plan.ts';
import type { UpdateRisk } from './update-guard/update-risks.ts';

/**
 * States of a host. Each row of the table in docs/host-states.md says how it is told apart and what comes next.
 * `unknown` = essential facts could not be read; `not_provable` = development kernel, but kern.filesetuuid cannot be read.
 */
export const HOST_STATES = [
  'no_facts',
  'unknown',
  'unsupported',
  'not_started',
  'kdk_missing',
  'kdk_ready',
  'kc_staged',
  'ready_for_visit',
  'half_done',
  'object_not_booted',
  'args_missing',
  'reboot_due',
  'raised',
  'raised_other_value',
  'not_provable',
  'foreign_kernel',
  'args_filtered',
  'old_kernel_new_system',
  'drifted',
  'waiting_for_unlock',
  'failed_boot',
  'reverted',
] as const;
export type HostState = (typeof HOST_STATES)[number];

export const PRESENCES = ['online', 'in_visit', 'asleep', 'silent', 'lost'] as const;
/** online; in_visit = silence that a visit explains; asleep = silent for less than 10 min; silent = longer; lost = over 24 h. */
export type Presence = (typeof PRESENCES)[number];

export interface EvaluateIntent {
  readonly number: number;
  /** QUOTA_STOCK when nothing is to be raised. */
  readonly quota: number;
  readonly extraArgs: readonly string[];
  /** Is there a grant that covers this host, quota and arguments now? Its end, and why not. */
  readonly grant: {
    readonly covers: boolean;
    readonly expiresAt: string | null;
    readonly reason: string | null;
    /** Exact words the exception names beyond the quota's own; foreign stored words among them may stay. Absent = none. */
    readonly extraArgs?: readonly string[];
  };
  /** Stock is wanted because this consent ended; isExpired = by its time, else it was taken back. Absent or null = for another reason. */
  readonly ended?: { readonly isExpired: boolean; readonly at: string } | null;
}

/** What the controller remembers of a host between reports. */
export interface HostRecord {
  /** The kernel collection that this Mac built for Headroom last. */
  readonly kc: KcResult | null;
  /** Collections that this Mac built before that one; tells an older kernel of ours from a foreign one. Absent = none. */
  readonly olderKcs?: readonly KcResult[];
  /** The kit that lies on the Mac for the present visit. */
  readonly kit: {
    readonly visitId: string;
    readonly quota: number;
    readonly bootArgs: string;
    readonly kcSha256: string;
    /** Words without which its kernel does not start. Absent = none. */
    readonly neededArgs?: readonly string[];
    /** It does not install a custom kernel anew that the policy names and a boot has proven. Absent = it may install any. */
    readonly sparesObject?: boolean;
    /** End of the consent that the kit was placed under. Absent = not recorded. */
    readonly expiresAt?: string;
  } | null;
  /** When the present boot session was first seen, by the controller's clock. */
  readonly bootFirstSeenAt: string | null;
  /** When the newest visit that reached the Mac was opened. */
  readonly visitOpenedAt: string | null;
  /** Was this host ever raised since its last intent of stock? Tells drift from "not started". */
  readonly everRaised: boolean;
  /** Guests that a probe or Orchard told the controller of, newest boot. Absent = none did. */
  readonly witness?: WitnessReport | null;
  /** What the evaluation before this one left. Absent = there was none. */
  readonly memory?: Memory | undefined;
}

/** Somebody who knows their kind counted macOS guests alive at once, in one boot. */
export interface WitnessReport {
  readonly macosGuests: number;
  readonly bootSessionId: string;
  /** What counted: a probe, Orchard. */
  readonly source: string;
  /** Who said so: a token, or `agent`. */
  readonly by: string;
  readonly at: string;
}

/** The custom kernel of the boot policy that a boot has proven to be ours; see evaluate/proven-object.ts. */
export interface ProvenObject {
  readonly kcUuid: string;
  /** `coih`, 96 hex digits. */
  readonly customKernel: string;
  readonly at: string;
}

/** A piece of evidence that held while the host was raised, and does not any more. */
export interface DriftPiece {
  readonly id: EvidenceId;
  readonly title: string;
  readonly path: string;
  readonly was: string;
  readonly seen: string;
  /** When it was first seen so. */
  readonly at: string;
}

/** What an evaluation leaves to the next. */
export interface Memory {
  readonly provenObject: ProvenObject | null;
  /** The custom kernel that the policy named last, and in which boot. */
  readonly policySeen: { readonly customKernel: string; readonly bootSessionId: string } | null;
  /** What was seen of each piece when all of them held last. */
  readonly held: Readonly<Partial<Record<EvidenceId, string>>> | null;
  readonly drift: readonly DriftPiece[];
}

/**
 * `raise` and `revert` are made in recoveryOS; only a raise needs a code, as a revert lowers nothing. `recover` = a Mac with a
 * custom kernel is lost, and somebody has to look.
 */
export const VISIT_KINDS = ['raise', 'restart', 'revert', 'recover'] as const;
export type VisitKind = (typeof VISIT_KINDS)[number];

export interface OpenVisit {
  readonly visitId: string;
  readonly kind: VisitKind;
  readonly openedAt: string | null;
  /** When somebody said last that the work at the Mac is done. Absent = nobody did. */
  readonly doneAt?: string | null;
}

export interface OpenWork {
  readonly plan: { readonly generation: number; readonly steps: readonly PlanStep[]; readonly nextStep: number } | null;
  readonly visit: OpenVisit | null;
  /** Last failed step of the newest plan, when it has not been superseded by a success. */
  readonly failure: {
    readonly kind: string;
    readonly code: string;
    readonly detail: string;
    readonly at: string;
    /** When it may be tried again, see `retryAfterFailure`; null = not before somebody changed something. */
    readonly retryAt: string | null;
  } | null;
}

/** A KDK image, with what Macs showed of the kernels in it: before that they are assumed. */
export interface CatalogueKdk extends KdkSource {
  /** The newest word of each. Absent = none. */
  readonly sights?: readonly KernelSight[];
}

/** KDK images the controller can hand out, by exact build. */
export interface Catalogue {
  readonly kdks: readonly CatalogueKdk[];
  /** build -> bundles to leave out of the kernel collection. */
  readonly dropBundles: Readonly<Record<string, readonly string[]>>;
}

/** A person took the risk of these updates for this host. */
export interface UpdateAcceptance {
  readonly id: string;
  /** Builds; versions where macOS tells no build. One that is not named is not accepted. */
  readonly targets: readonly string[];
  readonly reason: string;
  readonly acceptedBy: string;
  readonly expiresAt: string;
}

export interface EvaluateInput {
  readonly facts: Facts | null;
  readonly intent: EvaluateIntent;
  readonly record: HostRecord;
  readonly work: OpenWork;
  readonly presence: Presence;
  /** As admins keep it. Absent = not known. */
  readonly placeType?: PlaceType | null;
  readonly catalogue: Catalogue;
  /** Those not revoked. Absent = none. */
  readonly updateAcceptances?: readonly UpdateAcceptance[];
  /** Id for the visit of a `place_kit` step, should one be planned: ids are made by the app, never in here. */
  readonly newVisitId: string;
  readonly now: Date;
}

export interface Finding {
  readonly code: FindingCode;
  readonly severity: 'blocker' | 'warning' | 'note';
  readonly title: string;
  readonly detail: string;
  readonly expected: string | null;
  readonly seen: string | null;
  /** The exact next step, in an admin's words. */
  readonly nextStep: string;
  /** Path of the fact it rests on; null when it rests on none. */
  readonly path: string | null;
}

/** One piece of what *raised (configured)* needs. `holds` null = unknown, which never counts as proof. */
export interface EvidencePiece {
  readonly id: EvidenceId;
  readonly title: string;
  readonly holds: boolean | null;
  readonly expected: string;
  readonly seen: string;
  readonly path: string;
}

export const EVIDENCE_IDS = [
  'fileset_uuid',
  'development_kernel',
  'quota_in_force',
  'hypervisor_in_force',
  'custom_kernel_in_policy',
  'filtering_off',
  'build_agrees',
  'boot_after_visit',
] as const;
export type EvidenceId = (typeof EVIDENCE_IDS)[number];

export interface Evaluation {
  readonly state: HostState;
  /** One sentence: what this host waits for; null when nothing. */
  readonly waitsFor: string | null;
  readonly findings: readonly Finding[];
  readonly evidence: readonly EvidencePiece[];
  /** Steps to do next, in order; null when no work for the agent is due (or it is under way already with the same steps). */
  readonly steps: readonly PlanStep[] | null;
  /** What makes a raise *witnessed*; null = configured only, or not raised. */
  readonly witness: WitnessReport | null;
  readonly memory: Memory;
  /** A visit that a person must make; null when none. Same kind as the open one = keep it. */
  readonly visit: { readonly kind: VisitKind; readonly reason: string } | null;
  /** What the updates ahead would do to the raise; none of a host that shall be stock, and is. */
  readonly updates: readonly UpdateRisk[];
  /** When time alone could change the answer; null = never. */
  readonly reviewAt: Date | null;
}

/** Grows when a rule changes, so that stored states can be told from older ones. */
export const RULES_VERSION = 13;
