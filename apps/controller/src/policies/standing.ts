/** What all policies together say: each applied revision's selector asked now, and who holds which host. */
import type { Tx } from '../db/database.ts';
import { type Claim, holderOf } from './claims.ts';
import { readSelector, type Selector, selectHosts } from './selector.ts';

export interface StandingRevision {
  readonly id: string;
  readonly policyId: string;
  readonly policy: string;
  readonly number: number;
  readonly priority: number;
  readonly quota: number;
  readonly extraArgs: readonly string[];
  readonly selector: Selector;
}

export interface HostClaim extends Claim {
  readonly revision: StandingRevision;
}

export interface HostStanding {
  readonly hostId: string;
  readonly hardwareUuid: string;
  readonly claims: readonly HostClaim[];
}

/** Revisions that count: the applied one of each policy that is not archived; `instead` takes the place of its policy's. */
export async function standingRevisions(
  tx: Tx,
  instead: readonly StandingRevision[] = [],
): Promise<readonly StandingRevision[]> {
  const policies = await tx.policy.findMany({
    where: { archivedAt: null, appliedRevisionId: { not: null } },
    select: { appliedRevisionId: true },
  });
  const revisions = await tx.policyRevision.findMany({
    where: { id: { in: policies.flatMap(({ appliedRevisionId }) => appliedRevisionId ?? []) } },
    include: { policy: { select: { name: true } } },
  });
  const replaced = new Set(instead.map(({ policyId }) => policyId));
  return [...revisions.filter(({ policyId }) => !replaced.has(policyId)).map(standingRevision), ...instead];
}

export function standingRevision(row: {
  readonly id: string;
  readonly policyId: string;
  readonly number: number;
  readonly priority: number;
  readonly quota: number;
  readonly extraArgs: readonly string[];
  readonly selector: unknown;
  readonly policy: { readonly name: string };
}): StandingRevision {
  const { id, policyId, number, priority, quota, extraArgs, policy } = row;
  return {
    id,
    policyId,
    policy: policy.name,
    number,
    priority,
    quota,
    extraArgs,
    selector: readSelector(row.selector),
  };
}

/** Every host that at least one of these revisions selects, or might. One query for each revision. */
export async function standings(
  tx: Tx,
  revisions: readonly StandingRevision[],
  onlyHosts?: readonly string[],
): Promise<ReadonlyMap<string, HostStanding>> {
  const hosts = new Map<string, { hostId: string; hardwareUuid: string; claims: HostClaim[] }>();
  for (const revision of revisions) {
    for (const { hostId, hardwareUuid, named, selected } of await selectHosts(tx, revision.selector, onlyHosts)) {
      const { policyId, id: revisionId, priority } = revision;
      const host = hosts.get(hostId) ?? { hostId, hardwareUuid, claims: [] };
      host.claims.push({ policyId, revisionId, priority, named, selected, revision });
      hosts.set(hostId, host);
    }
  }
  return hosts;
}

export interface HeldHost {
  readonly id: string;
  readonly hardwareUuid: string;
}

export interface PolicyReach {
  /** Hosts that the policy holds. */
  readonly held: readonly HeldHost[];
  /** Hosts that it selects and another policy holds. */
  readonly heldByOthers: number;
  /** Hosts of which a fact is unknown that would decide; they keep their intent. */
  readonly unknown: readonly string[];
}

export function reachOf(policyId: string, all: ReadonlyMap<string, HostStanding>): PolicyReach {
  const held: HeldHost[] = [];
  const unknown: string[] = [];
  let heldByOthers = 0;
  for (const { hostId, hardwareUuid, claims } of all.values()) {
    const holder = holderOf(claims);
    if (holder.kind === 'unknown') unknown.push(hostId);
    else if (holder.kind === 'held' && holder.by.policyId === policyId) held.push({ id: hostId, hardwareUuid });
    else if (claims.some((claim) => claim.policyId === policyId && claim.selected)) heldByOthers += 1;
  }
  return { held: held.sort((left, right) => (left.id < right.id ? -1 : 1)), heldByOthers, unknown };
}
