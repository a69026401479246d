/**
 * Evidence: the eight pieces that *raised (configured)* needs. Each holds, does not hold, or is unknown; unknown never counts as
 * proof. `kcsuffix` is not among them, nor is a receipt, nor what a person says.
 */
import { HYPERVISOR_ARG, hypervisorInBootArgs, QUOTA_ARG, quotaInBootArgs } from './boot-args.ts';
import type { EvidenceId, EvidencePiece, HostRecord, ProvenObject } from './evaluate-types.ts';
import type { Facts } from './facts.ts';
import { QUOTA_STOCK, quotaToHex } from './quota.ts';

export interface EvidenceInput {
  readonly facts: Facts;
  readonly record: Pick<HostRecord, 'kc' | 'bootFirstSeenAt' | 'visitOpenedAt'>;
  /** The custom kernel that a boot has proven to be ours. Absent = none yet: then any counts, as its boot will tell. */
  readonly provenObject?: ProvenObject | null;
  /** The planned quota; null = any above stock (to tell whether a host that shall be stock is still raised). */
  readonly quota: number | null;
}

type Piece = Omit<EvidencePiece, 'id'>;

const READERS: Readonly<Record<EvidenceId, (input: EvidenceInput) => Piece>> = {
  fileset_uuid: ({ facts, record }) => ({
    title: 'The running kernel collection is the one built here',
    expected: record.kc?.uuid ?? 'the LC_UUID of a kernel collection built here; none is recorded',
    ...compare('kernel.filesetUuid', facts.kernel.filesetUuid, (seen) => sameText(seen, record.kc?.uuid ?? null)),
  }),
  development_kernel: ({ facts }) => ({
    title: 'A development kernel runs',
    expected: 'development',
    ...compare('kernel.config', facts.kernel.config, (seen) => seen === 'development'),
  }),
  quota_in_force: ({ facts, quota }) => ({
    title: 'The running kernel was given the quota',
    expected: quota === null ? `${QUOTA_ARG} above ${QUOTA_STOCK}` : `${QUOTA_ARG}=${quotaToHex(quota)}`,
    ...compare('bootArgs.inForce', facts.bootArgs.inForce, (seen) => isQuota(quotaInBootArgs(seen), quota)),
  }),
  hypervisor_in_force: ({ facts }) => ({
    title: 'The running kernel was told to heed the quota',
    expected: `${HYPERVISOR_ARG}=0x1`,
    ...compare('bootArgs.inForce', facts.bootArgs.inForce, hypervisorInBootArgs),
  }),
  custom_kernel_in_policy: ({ facts, record, provenObject = null }) => {
    const ours = provenObject !== null && sameText(provenObject.kcUuid, record.kc?.uuid ?? null) ? provenObject : null;
    return {
      title: 'The boot policy names a custom kernel, the one that was proven to be ours',
      expected: ours?.customKernel ?? 'coih, 96 hex digits',
      ...compare('bootPolicy.customKernel', facts.bootPolicy.customKernel, (seen) =>
        ours === null ? /^[0-9A-F]{96}$/.test(seen) : seen === ours.customKernel,
      ),
    };
  },
  filtering_off: ({ facts }) => ({
    title: 'Boot arguments are not filtered',
    expected: 'filtering off',
    ...compare('bootPolicy.bootArgsFiltering', filteringText(facts), (seen) => seen === 'filtering off'),
  }),
  build_agrees: ({ facts, record }) => ({
    title: 'The kernel collection was built for the installed system',
    expected: record.kc?.build ?? 'the build of a kernel collection built here; none is recorded',
    ...compare('os.baseBuild', facts.os.baseBuild, (seen) => seen === record.kc?.build),
  }),
  boot_after_visit: ({ facts, record }) => ({
    title: 'This boot was first seen after the visit was opened',
    expected: record.visitOpenedAt === null ? 'after a visit; none was opened' : `after ${record.visitOpenedAt}`,
    // The record is of the boot session told last: without the fact it may be another boot's.
    ...compare('boot.sessionId', facts.boot.sessionId === null ? null : record.bootFirstSeenAt, (seen) =>
      isAfter(seen, record.visitOpenedAt),
    ),
  }),
};

export function raisedEvidence(input: EvidenceInput): readonly EvidencePiece[] {
  return Object.entries(READERS).map(([id, read]) => ({ id: id as EvidenceId, ...read(input) }));
}

/** Raised (configured) = every piece holds. */
export function isProven(evidence: readonly EvidencePiece[]): boolean {
  return evidence.length > 0 && evidence.every(({ holds }) => holds === true);
}

/** Kernel collections that this Mac built: does the running one have this LC_UUID? Case does not matter. */
export function sameText(a: string | null, b: string | null): boolean {
  return a !== null && b !== null && a.toUpperCase() === b.toUpperCase();
}

function compare(
  path: string,
  seen: string | null,
  holds: (seen: string) => boolean | null,
): Omit<Piece, 'title' | 'expected'> {
  return { path, seen: seen ?? 'unknown', holds: seen === null ? null : holds(seen) };
}

function isQuota(seen: number | null, wanted: number | null): boolean {
  if (seen === null) return false;
  return wanted === null ? seen > QUOTA_STOCK : seen === wanted;
}

function filteringText({ bootPolicy }: Facts): string | null {
  if (bootPolicy.bootArgsFiltering === null) return null;
  return bootPolicy.bootArgsFiltering ? 'filtering on' : 'filtering off';
}

/** Times are the controller's own, so they can be compared; the Mac's clock plays no part. */
function isAfter(time: string, start: string | null): boolean {
  return start !== null && Date.parse(time) > Date.parse(start);
}
