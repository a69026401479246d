import { AT_ONCE, decideRollout, QUOTA_STOCK, type RolloutState, type RolloutStrategy, readRing } from '@headroom/core';
import { z } from 'zod';
import { rolloutEtag } from '../api/etag.ts';
import { isoDate } from '../api/paging.ts';
import type { Database } from '../db/database.ts';
import { countedTargets } from './rollout-engine.ts';

const counts = z.record(z.string(), z.number().int()).describe('Targets by state.');

export const rolloutRow = z.object({
  id: z.uuid(),
  state: z.string(),
  reason: z.string().nullable().describe('Why it is in this state, or what it waited for when it was decided last.'),
  title: z.string().nullable().describe('What it is for, when no policy says it.'),
  exceptionId: z.uuid().nullable().describe('The exception whose end it carries out.'),
  policy: z.string().nullable().describe('Null = back to stock.'),
  policyId: z.uuid().nullable(),
  revision: z.number().int().nullable(),
  quota: z.number().int(),
  createdBy: z.string(),
  createdAt: isoDate,
  finishedAt: isoDate.nullable(),
  targets: counts,
});

const ringView = z.object({
  name: z.string(),
  reason: z.string().nullable().describe('Why it is there, when no policy asked for it.'),
  gate: z.enum(['automatic', 'manual', 'open']),
  size: z.number().int(),
  pending: z.number().int(),
  opened: z.number().int(),
  succeeded: z.number().int(),
  failed: z.number().int(),
  mustSucceed: z.number().int(),
  haltsAt: z.number().int().nullable(),
});

export const progressView = z.object({
  ring: z.number().int().describe('The ring under way, from 0.'),
  waitsFor: z.string().nullable(),
  movesAt: isoDate.nullable().describe('When time alone moves it; null = it does not.'),
  wouldStop: z.array(z.string()).readonly(),
  rings: z.array(ringView),
});

/** Of a rollout as it is shown: the same as its row has. */
export function shownEtag({ state, progress }: ShownRollout): string {
  const gates = progress.rings.flatMap(({ gate }, index) => (gate === 'open' ? [index] : []));
  return rolloutEtag(state, gates);
}

interface ShownRollout {
  readonly state: string;
  readonly progress: { readonly rings: readonly { readonly gate: string }[] };
}

export type RolloutRecord = Awaited<ReturnType<Database['prisma']['rollout']['findMany']>>[number];

export async function rolloutRows(database: Database, rollouts: readonly RolloutRecord[]) {
  const ids = rollouts.map(({ id }) => id);
  const [revisions, groups] = await Promise.all([
    database.prisma.policyRevision.findMany({
      where: { id: { in: rollouts.flatMap(({ revisionId }) => revisionId ?? []) } },
      include: { policy: true },
    }),
    database.prisma.rolloutTarget.groupBy({
      by: ['rolloutId', 'state'],
      where: { rolloutId: { in: ids } },
      _count: { _all: true },
    }),
  ]);
  const byId = new Map<string | null, (typeof revisions)[number]>(revisions.map((revision) => [revision.id, revision]));
  return rollouts.map((rollout) => {
    const revision = byId.get(rollout.revisionId);
    const mine = groups.filter(({ rolloutId }) => rolloutId === rollout.id);
    return {
      id: rollout.id,
      state: rollout.state,
      reason: rollout.stateReason,
      title: rollout.title,
      exceptionId: rollout.exceptionId,
      policy: revision?.policy.name ?? null,
      policyId: revision?.policyId ?? null,
      revision: revision?.number ?? null,
      quota: revision?.quota ?? QUOTA_STOCK,
      createdBy: rollout.createdBy,
      createdAt: rollout.createdAt.toISOString(),
      finishedAt: rollout.finishedAt?.toISOString() ?? null,
      targets: Object.fromEntries(mine.map(({ state, _count }) => [state, _count._all])),
    };
  });
}

/** Where a rollout is, decided anew from what is counted now: reading it changes nothing. */
export async function rolloutProgress(database: Database, rollout: RolloutRecord, now: Date) {
  const strategy = (rollout.strategy ?? AT_ONCE) as unknown as RolloutStrategy;
  const targets = await countedTargets(database.prisma, rollout.id, strategy);
  const input = { state: rollout.state as RolloutState, strategy, gatesOpened: rollout.gatesOpened };
  const { ring, waitsFor, movesAt, wouldStop, open } = decideRollout(input, targets, now);
  return {
    ring,
    waitsFor: open.length > 0 ? `The controller: ${open.length} Mac(s) open at its next look.` : waitsFor,
    movesAt: movesAt?.toISOString() ?? null,
    wouldStop,
    rings: strategy.rings.map((one, index) => {
      const { name, size, pending, opened, succeeded, failed, needed, errorLimit } = readRing(one, index, targets);
      const gate = one.gate === 'manual' && rollout.gatesOpened.includes(index) ? ('open' as const) : one.gate;
      const reason = one.reason ?? null;
      return { name, reason, gate, size, pending, opened, succeeded, failed, mustSucceed: needed, haltsAt: errorLimit };
    }),
  };
}
