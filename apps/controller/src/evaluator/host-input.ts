/** What evaluation needs to know of one host: the shape of the truth in Postgres, without its tables. */
import type {
  EvaluateIntent,
  Facts,
  Finding,
  HostState,
  KcResult,
  KdkSource,
  Memory,
  PlaceType,
  Plan,
  PlanStep,
  UpdateAcceptance,
  VisitKind,
  WitnessReport,
} from '@headroom/core';
import type { CloneHint } from '../agents/clone-watch.ts';
import type { GrantRow } from '../exceptions/grant-check.ts';

export type StoredFinding = Finding & { readonly since: string };

/** What a placed kit holds; its visit's code is made from exactly this. */
export interface PlacedKit {
  readonly visitId: string;
  readonly quota: number;
  readonly bootArgs: string;
  readonly neededArgs?: readonly string[];
  /** See `HostRecord`. */
  readonly sparesObject?: boolean;
  readonly kcSha256: string;
  readonly kcMd5: string;
  readonly expiresAt: string;
}

/** What is kept in `host_state.record` because no other row says it. */
export interface Remembered {
  readonly everRaised: boolean;
  readonly intentQuota: number;
  readonly memory: Memory;
  /** What made the raise witnessed; null = nothing does. */
  readonly witness: WitnessReport | null;
  /** It is lost, and was heard of last then; null = it is not, or has been heard of again. */
  readonly lostSince: string | null;
}

export interface PlanRow {
  readonly id: string;
  readonly generation: bigint;
  readonly intentNumber: number;
  readonly state: string;
  readonly steps: readonly PlanStep[];
  /** Index of the first step that has not succeeded. */
  readonly nextStep: number;
  /** What that step failed with last, before the try that it waits for; null = it has not failed. */
  readonly lastError: string | null;
}

export interface FailedStep {
  readonly kind: string;
  readonly code: string;
  readonly detail: string;
  readonly at: Date;
  readonly failuresInRow: number;
  /** The image that the step was about; null = about none, or somebody cancelled it. */
  readonly kdk: KdkSource | null;
}

export interface VisitRow {
  readonly id: string;
  readonly kind: VisitKind;
  readonly state: string;
  readonly quota: number | null;
  readonly bootArgs: string | null;
  readonly kcMd5: string | null;
  readonly expiresAt: Date | null;
  readonly openedAt: Date | null;
  readonly doneAt: Date | null;
  readonly drainAt: Date | null;
  readonly overdueAt: Date | null;
}

export interface HostInput {
  readonly hostId: string;
  readonly hostName: string;
  readonly hardwareUuid: string;
  readonly simulated: boolean;
  readonly facts: Facts | null;
  readonly lastSeenAt: Date | null;
  readonly bootFirstSeenAt: Date | null;
  readonly generation: bigint;
  readonly agentVersion: string | null;
  /** Job kinds that its agent can do; empty = it does not say. */
  readonly capabilities: readonly string[];
  readonly cloneHint: CloneHint | null;
  /** As admins keep it; null = not known. */
  readonly placeType: PlaceType | null;
  readonly before: {
    readonly state: HostState;
    readonly findings: readonly StoredFinding[];
    readonly remembered: Partial<Remembered>;
  };
  readonly intent: {
    readonly number: number;
    readonly quota: number;
    readonly extraArgs: readonly string[];
    readonly rolloutId: string | null;
    readonly grant: GrantRow | null;
    /** The end of a consent that this intent of stock carries out. */
    readonly ended: EvaluateIntent['ended'];
  };
  readonly kcs: readonly KcResult[];
  readonly kit: PlacedKit | null;
  readonly plan: PlanRow | null;
  readonly failure: FailedStep | null;
  readonly visit: VisitRow | null;
  readonly visitOpenedAt: Date | null;
  readonly updateAcceptances: readonly UpdateAcceptance[];
  readonly witness: WitnessReport | null;
}

export function readPlan(bytes: Uint8Array): Plan {
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as Plan;
}
