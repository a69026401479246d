/** Plan: one host's immutable steps, stored and sent as one byte string. Job = one step of it. */
import type { SignedGrant } from './grant.ts';

/**
 * The closed set of job kinds. There is no "run this", no kernel from elsewhere, and no job reboots a Mac.
 * Lane `care` changes nothing on the Mac.
 */
/** Highest plan generation and session number that anybody takes. Far beyond what counting reaches, and exact as a number. */
export const COUNTER_MAX = 2 ** 52;

export const JOB_KINDS = [
  'collect_facts',
  'install_kdk',
  'build_kc',
  'place_kit',
  'set_boot_args',
  'clear_boot_args',
  'disarm_kit',
  'remove_kit',
  'remove_kc',
  'remove_kdk',
  'collect_diagnostics',
] as const;
export type JobKind = (typeof JOB_KINDS)[number];

/** Steps that lower security or prepare its lowering: the agent refuses them without a valid grant. */
export const LOWERING_KINDS: readonly JobKind[] = ['place_kit', 'set_boot_args'];

export interface KdkSource {
  readonly build: string;
  readonly version: string;
  /** Lower-case hex of the image. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly fileName: string;
}

export type PlanStep =
  | { readonly kind: 'collect_facts' }
  | { readonly kind: 'install_kdk'; readonly kdk: KdkSource; readonly variant: string }
  | {
      readonly kind: 'build_kc';
      readonly build: string;
      readonly variant: string;
      readonly dropBundles: readonly string[];
    }
  | {
      readonly kind: 'place_kit';
      readonly visitId: string;
      readonly quota: number;
      readonly bootArgs: string;
      readonly build: string;
      readonly variant: string;
      /** Words of `bootArgs` without which this kernel does not start; the visit stores them before it installs it. Absent = none. */
      readonly neededArgs?: readonly string[];
      /** The custom kernel that a boot of this very collection has proven: the visit need not install that again. Absent = none. */
      readonly provenObject?: { readonly kcUuid: string; readonly customKernel: string };
    }
  | { readonly kind: 'set_boot_args'; readonly quota: number; readonly bootArgs: string }
  // The way back names nothing: the Mac itself knows how it stood before, and what Headroom put there.
  | { readonly kind: 'clear_boot_args' }
  // Consent is gone, and what takes back has to stay.
  | { readonly kind: 'disarm_kit' }
  | { readonly kind: 'remove_kit' }
  | { readonly kind: 'remove_kc' }
  | { readonly kind: 'remove_kdk' };

export interface Plan {
  readonly schemaVersion: 1;
  readonly planId: string;
  readonly fleetId: string;
  readonly hostId: string;
  readonly hostUuid: string;
  /** Grows by one with each plan of the host; an agent declines an older one. */
  readonly generation: number;
  readonly intentNumber: number;
  readonly quota: number;
  readonly steps: readonly PlanStep[];
  /** Present when a step lowers security. */
  readonly grant: SignedGrant | null;
}

/** Results that a finished step reports; stored with the job. */
export interface KcResult {
  readonly path: string;
  readonly build: string;
  readonly variant: string;
  readonly sha256: string;
  /** For the visit code: recoveryOS has md5 and no shasum. */
  readonly md5: string;
  readonly uuid: string;
  readonly sizeBytes: number;
  readonly bundles: number;
  readonly kernelVersionText: string;
}
