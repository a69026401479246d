/** Why a host has its intent, and what would change it. */
import { QUOTA_STOCK } from '@headroom/core';
import { z } from 'zod';
import { idParams, isoDate } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import { Problem } from '../common/problem.ts';
import type { Database } from '../db/database.ts';
import { SIGN_AGAIN_DAYS } from '../exceptions/key-retirement.ts';
import { byRank, holderOf } from './claims.ts';
import { selectorText } from './selector.ts';
import { type HostClaim, standingRevisions, standings } from './standing.ts';

const claimView = z.object({
  policyId: z.uuid(),
  policy: z.string(),
  revision: z.number().int(),
  priority: z.number().int(),
  quota: z.number().int(),
  by: z.enum(['named', 'selector']),
  selected: z.boolean().nullable().describe('Null = unknown: a fact that the filter needs could not be read.'),
  holds: z.boolean(),
});

const explanation = z.object({
  id: z.uuid(),
  intent: z.object({
    number: z.number().int(),
    quota: z.number().int(),
    policy: z.string().nullable(),
    revision: z.number().int().nullable(),
    rolloutId: z.uuid().nullable(),
    setAt: isoDate.nullable(),
  }),
  why: z.string(),
  policies: z
    .array(claimView)
    .describe('Applied policies that select it or might, in the order in which they hold it.'),
  wouldChange: z.array(z.string()),
});

export function explainRoutes(database: Database): readonly Route[] {
  return [
    route({
      id: 'explainHost',
      method: 'GET',
      path: '/api/v1/hosts/{id}/explain',
      permission: 'host.read',
      summary: 'Why a Mac has its intent, and what would change it.',
      status: 200,
      params: idParams,
      reply: explanation,
      handle: ({ params: { id } }) => explainHost(database, id),
    }),
  ];
}

async function explainHost({ prisma }: Database, id: string): Promise<z.input<typeof explanation>> {
  const host = await prisma.host.findFirst({ where: { id, retiredAt: null }, include: { intent: true } });
  if (host === null) throw new Problem('NOT_FOUND', `There is no host ${id}.`);
  const { intent } = host;
  const claims = (await standings(prisma, await standingRevisions(prisma), [id])).get(id)?.claims ?? [];
  const holder = holderOf(claims);
  const set =
    intent?.revisionId == null
      ? null
      : await prisma.policyRevision.findUnique({ where: { id: intent.revisionId }, include: { policy: true } });
  const by = intent?.rolloutId == null ? null : await prisma.rollout.findUnique({ where: { id: intent.rolloutId } });
  const consent = intent?.grantId == null ? null : await prisma.grant.findUnique({ where: { id: intent.grantId } });
  const exception =
    consent === null ? null : await prisma.riskException.findUnique({ where: { id: consent.exceptionId } });
  const live = await prisma.rolloutTarget.findFirst({
    where: {
      hostId: id,
      state: 'pending',
      rollout: { state: { in: ['running', 'paused', 'halted', 'waiting_for_confirmation'] } },
    },
    orderBy: { rolloutId: 'desc' },
    include: { rollout: true },
  });
  return {
    id,
    intent: {
      number: intent?.number ?? 0,
      quota: intent?.quota ?? QUOTA_STOCK,
      policy: set?.policy.name ?? null,
      revision: set?.number ?? null,
      rolloutId: intent?.rolloutId ?? null,
      setAt: intent?.setAt.toISOString() ?? null,
    },
    why: whyOf(set === null ? null : { policy: set.policy.name, number: set.number }, by),
    policies: [...claims].sort(byRank).map((claim) => ({
      policyId: claim.policyId,
      policy: claim.revision.policy,
      revision: claim.revision.number,
      priority: claim.priority,
      quota: claim.revision.quota,
      by: claim.named ? ('named' as const) : ('selector' as const),
      selected: claim.selected,
      holds: holder.kind === 'held' && holder.by === claim,
    })),
    wouldChange: [
      ...(live === null ? [] : [`Rollout ${live.rolloutId} (${live.rollout.state}) reaching ring ${live.ring}.`]),
      ...changes(
        holder.kind === 'free' ? null : holder.by,
        holder.kind,
        {
          revisionId: set?.id ?? null,
          policyId: set?.policyId ?? null,
          quota: intent?.quota ?? QUOTA_STOCK,
        },
        claims,
      ),
      ...(exception === null ? [] : [endOf(exception)]),
    ],
  };
}

interface SetBy {
  readonly id: string;
  /** Of rollouts that somebody, or the end of an exception, made for just these Macs. */
  readonly title: string | null;
  readonly createdBy: string;
}

function whyOf(set: { readonly policy: string; readonly number: number } | null, by: SetBy | null): string {
  if (by === null) return 'Stock: no rollout ever set anything for this Mac.';
  if (set !== null) return `Rollout ${by.id} set it to revision ${set.number} of policy ${set.policy}.`;
  if (by.title !== null) return `Stock: rollout ${by.id} of ${by.createdBy} took it back. ${by.title}`;
  return `Stock: rollout ${by.id} of ${by.createdBy} took it back, as no policy held this Mac any more.`;
}

function endOf(exception: {
  readonly purpose: string;
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
  readonly keyRetiredAt: Date | null;
}): string {
  const { purpose, expiresAt, revokedAt, keyRetiredAt } = exception;
  if (revokedAt !== null)
    return `The exception "${purpose}" was revoked at ${revokedAt.toISOString()}: a rollout takes the Mac back.`;
  if (keyRetiredAt !== null)
    return `The exception "${purpose}" being signed again: the key that signed it was retired at ${keyRetiredAt.toISOString()}. Unsigned for ${SIGN_AGAIN_DAYS} days it ends: then stock is wanted.`;
  return `The end of the exception "${purpose}" at ${expiresAt.toISOString()}: then stock is wanted, unless another covers this Mac.`;
}

/** What is wanted now, and whose word it is. */
interface Wanted {
  readonly revisionId: string | null;
  readonly policyId: string | null;
  readonly quota: number;
}

function changes(
  by: HostClaim | null,
  kind: 'held' | 'unknown' | 'free',
  wanted: Wanted,
  claims: readonly HostClaim[],
): readonly string[] {
  if (by === null) return ['Applying a policy that selects this Mac, or a label or fact by which an applied one does.'];
  const { policy, selector } = by.revision;
  if (kind === 'unknown')
    return [`A fact that policy ${policy} asks for (${selectorText(selector)}): until it is known, the intent stays.`];
  const rivals = [...claims].sort(byRank).filter((claim) => claim !== by && claim.selected);
  const isHolders = wanted.policyId === by.policyId;
  const isStock = wanted.quota === QUOTA_STOCK;
  return [
    ...(by.revisionId === wanted.revisionId ? [] : [`Policy ${policy} holds this Mac since: apply it.`]),
    `A newer revision of policy ${policy}, when it is applied.`,
    by.named ? outranksNamed(by.priority) : outranksSelector(by.priority),
    ...(by.named ? [] : [`This Mac not fitting policy ${policy} (${selectorText(selector)}) any more.`]),
    ...(isHolders ? rivals.slice(0, 1) : []).map(
      (claim) => `Archiving policy ${policy}: then ${claim.revision.policy} would be next.`,
    ),
    ...(isHolders && !isStock && rivals.length === 0 ? [`Archiving policy ${policy}: then stock is wanted.`] : []),
  ];
}

/** As `byRank` decides: a policy that names the Mac, the higher priority, the older policy. */
function outranksNamed(priority: number): string {
  return `Naming this Mac in another policy with a priority above ${priority}, or in an older one with ${priority}, when that is applied.`;
}

function outranksSelector(priority: number): string {
  return `Another policy that names this Mac, or selects it with a priority above ${priority} or is older with ${priority}, when that is applied.`;
}
