import { type EvidencePiece, type Facts, factAt, QUOTA_STOCK } from '@headroom/core';
import { z } from 'zod';
import { isoDate } from '../api/paging.ts';
import { Problem } from '../common/problem.ts';
import type { Database } from '../db/database.ts';
import { readPlan, type StoredFinding } from '../evaluator/host-input.ts';
import { showVisit, visitView } from '../visits/visit-view.ts';
import { HOST_ROW_INCLUDE, hostRow, rememberedOf, showHostRow } from './host-list.ts';
import { placeView, showPlace } from './place.ts';
import { proofView, showProof } from './proof-view.ts';

/** Timeline lines shown with a host. */
const TIMELINE_SHOWN = 100;

const finding = z.object({
  code: z.string(),
  severity: z.enum(['blocker', 'warning', 'note']),
  title: z.string(),
  detail: z.string(),
  expected: z.string().nullable(),
  seen: z.string().nullable(),
  nextStep: z.string(),
  since: isoDate,
  evidence: z
    .object({ path: z.string(), value: z.unknown(), at: isoDate.nullable() })
    .nullable()
    .describe('The fact that it rests on, and when it was read.'),
});
const evidencePiece = z.object({
  id: z.string(),
  title: z.string(),
  holds: z.boolean().nullable().describe('Null = unknown, which never counts as proof.'),
  expected: z.string(),
  seen: z.string(),
  path: z.string(),
});
const job = z.object({
  id: z.uuid(),
  state: z.string(),
  attempts: z.number().int(),
  progress: z.string().nullable().describe('The last line of the step for people.'),
  progressAt: isoDate.nullable(),
  errorCode: z.string().nullable(),
  errorDetail: z.string().nullable(),
  createdAt: isoDate,
  finishedAt: isoDate.nullable(),
});
const plan = z.object({
  id: z.uuid(),
  generation: z.number().int(),
  intentNumber: z.number().int(),
  state: z.string(),
  createdAt: isoDate,
  endedAt: isoDate.nullable(),
  steps: z.array(z.object({ index: z.number().int(), kind: z.string(), step: z.unknown(), job: job.nullable() })),
});

export const hostView = hostRow.omit({ findings: true }).extend({
  evaluatedAt: isoDate.nullable(),
  findings: z.array(finding),
  evidence: z.array(evidencePiece).describe('What *raised* needs, piece by piece.'),
  ...proofView,
  facts: z.record(z.string(), z.unknown()).nullable(),
  factsAt: isoDate.nullable(),
  agentVersion: z.string().nullable(),
  intent: z.object({
    number: z.number().int(),
    quota: z.number().int(),
    extraArgs: z.array(z.string()),
    revisionId: z.uuid().nullable(),
    rolloutId: z.uuid().nullable(),
    grantId: z.uuid().nullable(),
    setAt: isoDate.nullable(),
  }),
  retiring: z
    .object({
      askedAt: isoDate,
      by: z.string().nullable(),
      reason: z.string().nullable(),
      rolloutId: z.uuid().nullable(),
    })
    .nullable()
    .describe('It is retired once this rollout has led it back to stock.'),
  place: placeView.describe('As admins keep it: PATCH /api/v1/hosts/{id}/place.'),
  plan: plan.nullable().describe('The newest one.'),
  visit: visitView.nullable().describe('The newest one.'),
  timeline: z
    .array(z.object({ id: z.uuid(), at: isoDate, kind: z.string(), detail: z.record(z.string(), z.unknown()) }))
    .describe(`Newest first, at most ${TIMELINE_SHOWN}.`),
});

/** All that is known of one host, in one answer. */
export async function viewHost(database: Database, id: string): Promise<z.input<typeof hostView>> {
  const { prisma } = database;
  const host = await prisma.host.findFirst({
    where: { id, retiredAt: null },
    include: { ...HOST_ROW_INCLUDE, state: true, report: true, intent: true, place: true },
  });
  if (host === null) throw new Problem('NOT_FOUND', `There is no host ${id}.`);
  const [newestPlan, visit, events] = await Promise.all([
    viewPlan(database, id),
    prisma.visit.findFirst({ where: { hostId: id }, orderBy: { id: 'desc' } }),
    prisma.hostEvent.findMany({ where: { hostId: id }, orderBy: { id: 'desc' }, take: TIMELINE_SHOWN }),
  ]);
  const { report, state, intent } = host;
  const facts = (report?.facts ?? null) as unknown as Facts | null;
  const factsAt = report?.factsAt?.toISOString() ?? null;
  const findings = (state?.findings ?? []) as unknown as readonly StoredFinding[];
  return {
    ...showHostRow(host),
    evaluatedAt: state?.evaluatedAt?.toISOString() ?? null,
    findings: findings.map(({ path, ...rest }) => ({
      ...rest,
      evidence: path === null || facts === null ? null : { path, value: factAt(facts, path) ?? null, at: factsAt },
    })),
    evidence: [...((state?.evidence ?? []) as unknown as readonly EvidencePiece[])],
    ...showProof(rememberedOf(host)),
    facts: facts === null ? null : { ...facts },
    factsAt,
    agentVersion: report?.agentVersion ?? null,
    intent: {
      number: intent?.number ?? 0,
      quota: intent?.quota ?? QUOTA_STOCK,
      extraArgs: intent?.extraArgs ?? [],
      revisionId: intent?.revisionId ?? null,
      rolloutId: intent?.rolloutId ?? null,
      grantId: intent?.grantId ?? null,
      setAt: intent?.setAt.toISOString() ?? null,
    },
    retiring:
      host.retireAskedAt === null
        ? null
        : {
            askedAt: host.retireAskedAt.toISOString(),
            by: host.retireAskedBy,
            reason: host.retireReason,
            rolloutId: host.retireRolloutId,
          },
    place: showPlace(host.place),
    plan: newestPlan,
    visit: visit === null ? null : showVisit(visit),
    timeline: events.map((event) => ({
      id: event.id,
      at: event.at.toISOString(),
      kind: event.kind,
      detail: event.detail as Record<string, unknown>,
    })),
  };
}

async function viewPlan({ prisma }: Database, hostId: string): Promise<z.input<typeof plan> | null> {
  const newest = await prisma.plan.findFirst({ where: { hostId }, orderBy: { generation: 'desc' } });
  if (newest === null) return null;
  const jobs = await prisma.job.findMany({ where: { planId: newest.id }, orderBy: { id: 'asc' } });
  const { steps } = readPlan(newest.bytes);
  return {
    id: newest.id,
    generation: Number(newest.generation),
    intentNumber: newest.intentNumber,
    state: newest.state,
    createdAt: newest.createdAt.toISOString(),
    endedAt: newest.endedAt?.toISOString() ?? null,
    steps: steps.map((step, index) => {
      const last = jobs.findLast(({ stepIndex }) => stepIndex === index);
      return { index, kind: step.kind, step, job: last === undefined ? null : showJob(last) };
    }),
  };
}

interface JobRecord {
  readonly id: string;
  readonly state: string;
  readonly attempts: number;
  readonly progress: string | null;
  readonly progressAt: Date | null;
  readonly errorCode: string | null;
  readonly errorDetail: string | null;
  readonly createdAt: Date;
  readonly finishedAt: Date | null;
}

function showJob(record: JobRecord): z.input<typeof job> {
  const { id, state, attempts, progress, errorCode, errorDetail } = record;
  return {
    id,
    state,
    attempts,
    progress,
    progressAt: record.progressAt?.toISOString() ?? null,
    errorCode,
    errorDetail,
    createdAt: record.createdAt.toISOString(),
    finishedAt: record.finishedAt?.toISOString() ?? null,
  };
}
