/** Which hosts a proposal is about, what it would want of each, and what has to stay the same for it to hold. */
import { QUOTA_STOCK } from '@headroom/core';
import type { Tx } from '../db/database.ts';
import { holderOf } from '../policies/claims.ts';
import { type StandingRevision, standingRevisions, standings } from '../policies/standing.ts';
import type { ProposedIntent } from './proposed-host.ts';

export interface Pins {
  /** Every policy: the applied revision, and the newest number. */
  readonly revisions: Readonly<Record<string, string>>;
  /** Hosts that the policy in question holds; of all policies where none is named. */
  readonly members: readonly string[];
}

export interface Scope {
  readonly pins: Pins;
  /** Hosts whose intent would change, in host order. */
  readonly changes: ReadonlyMap<string, ProposedIntent>;
  readonly unknown: number;
}

const STOCK: ProposedIntent = { revisionId: null, policy: null, quota: QUOTA_STOCK, extraArgs: [] };

export async function scopeOf(tx: Tx, proposed: StandingRevision | null): Promise<Scope> {
  const revisions = await standingRevisions(tx, proposed === null ? [] : [proposed]);
  const all = await standings(tx, revisions);
  const intents = await tx.$queryRaw<{ hostId: string; revisionId: string | null; policyId: string | null }[]>`
    SELECT h.id::text AS "hostId", i.revision_id::text AS "revisionId", p.policy_id::text AS "policyId"
    FROM host h LEFT JOIN intent i ON i.host_id = h.id LEFT JOIN policy_revision p ON p.id = i.revision_id
    WHERE h.retired_at IS NULL ORDER BY h.id`;
  const changes = new Map<string, ProposedIntent>();
  const members: string[] = [];
  let unknown = 0;
  for (const { hostId, revisionId, policyId } of intents) {
    const holder = holderOf(all.get(hostId)?.claims ?? []);
    if (holder.kind === 'unknown') {
      unknown += 1;
      continue;
    }
    const isMember = holder.kind === 'held' && (proposed === null || holder.by.policyId === proposed.policyId);
    if (isMember) members.push(hostId);
    const leaves = revisionId !== null && (proposed === null || policyId === proposed.policyId);
    if (!isMember && !leaves) continue;
    const next = holder.kind === 'held' ? intentOf(holder.by.revision) : STOCK;
    if (next.revisionId !== revisionId) changes.set(hostId, next);
  }
  return { pins: { revisions: await pinnedRevisions(tx), members }, changes, unknown };
}

/** What changed since the pins were made, in words; empty when the proposal still holds. */
export function brokenPins(then: Pins, now: Pins): readonly string[] {
  const policies = new Set([...Object.keys(then.revisions), ...Object.keys(now.revisions)]);
  const revised = [...policies].filter((id) => then.revisions[id] !== now.revisions[id]);
  const before = new Set(then.members);
  const after = new Set(now.members);
  const joined = now.members.filter((id) => !before.has(id)).length;
  const left = then.members.filter((id) => !after.has(id)).length;
  const isMoved = joined + left > then.members.length / MOVED_PART;
  return [
    ...revised.map(
      (id) => `Policy ${id} was ${then.revisions[id] ?? 'not there'}, and is ${now.revisions[id] ?? 'gone'}.`,
    ),
    ...(isMoved ? [`Of ${then.members.length} Macs ${left} left and ${joined} joined: more than 1 %.`] : []),
  ];
}

/** More than one part in so many has moved. */
const MOVED_PART = 100;

function intentOf({ id, policy, quota, extraArgs }: StandingRevision): ProposedIntent {
  return { revisionId: id, policy, quota, extraArgs };
}

async function pinnedRevisions(tx: Tx): Promise<Readonly<Record<string, string>>> {
  const rows = await tx.$queryRaw<{ id: string; applied: number | null; newest: number }[]>`
    SELECT p.id::text AS id, a.number AS applied, (SELECT max(n.number) FROM policy_revision n WHERE n.policy_id = p.id) AS newest
    FROM policy p LEFT JOIN policy_revision a ON a.id = p.applied_revision_id WHERE p.archived_at IS NULL ORDER BY p.id`;
  return Object.fromEntries(
    rows.map(({ id, applied, newest }) => [id, `applied ${applied ?? 'never'}, newest ${newest}`]),
  );
}
