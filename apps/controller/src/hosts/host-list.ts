import { HOST_STATES, PRESENCES, QUOTA_STOCK } from '@headroom/core';
import { z } from 'zod';
import { decodeCursor, isoDate, pageQuery, toPage } from '../api/paging.ts';
import type { Database } from '../db/database.ts';
import type { Prisma } from '../db/generated/client.ts';
import type { StoredFinding } from '../evaluator/host-input.ts';
import { labelText } from '../policies/selector.ts';

export const hostListQuery = z.object({
  ...pageQuery,
  label: z
    .union([labelText, z.array(labelText).max(20)])
    .optional()
    .describe('Only Macs with this label; repeated: with all of them.'),
  state: z.enum(HOST_STATES).optional(),
  presence: z.enum(PRESENCES).optional(),
  site: z.uuid().optional(),
});

export const hostRow = z.object({
  id: z.uuid(),
  site: z.uuid(),
  name: z.string(),
  hardwareUuid: z.string(),
  serial: z.string().nullable(),
  model: z.string().nullable(),
  simulated: z.boolean(),
  labels: z.array(z.string()),
  state: z.enum(HOST_STATES),
  stateSince: isoDate,
  presence: z.enum(PRESENCES),
  lastSeenAt: isoDate.nullable(),
  waitsFor: z.string().nullable(),
  quotaWanted: z.number().int().describe(`Macs allow ${QUOTA_STOCK} by themselves (stock).`),
  findings: z.object({ blocker: z.number().int(), warning: z.number().int(), note: z.number().int() }),
});

/** Facts are large: lists leave them in the database. */
export const HOST_ROW_INCLUDE = {
  labels: { select: { label: true }, orderBy: { label: 'asc' } },
  state: { select: { state: true, stateSince: true, presence: true, waitsFor: true, findings: true } },
  report: { select: { lastSeenAt: true } },
  intent: { select: { quota: true } },
} as const satisfies Prisma.HostInclude;

export type HostRecord = Prisma.HostGetPayload<{ include: typeof HOST_ROW_INCLUDE }>;

export async function listHosts(database: Database, query: z.output<typeof hostListQuery>) {
  const { limit, cursor, label, state, presence, site } = query;
  const after = decodeCursor(cursor);
  const labels = label === undefined ? [] : [label].flat();
  const rows = await database.prisma.host.findMany({
    where: {
      retiredAt: null,
      ...(after !== null && { id: { gt: after } }),
      ...(site !== undefined && { siteId: site }),
      AND: labels.map((one) => ({ labels: { some: { label: one } } })),
      ...((state !== undefined || presence !== undefined) && {
        state: { ...(state !== undefined && { state }), ...(presence !== undefined && { presence }) },
      }),
    },
    include: HOST_ROW_INCLUDE,
    orderBy: { id: 'asc' },
    take: limit + 1,
  });
  return toPage(rows, limit, ({ id }) => id, showHostRow);
}

export function showHostRow(host: HostRecord): z.input<typeof hostRow> {
  const findings = (host.state?.findings ?? []) as unknown as readonly StoredFinding[];
  const count = (severity: string) => findings.filter((finding) => finding.severity === severity).length;
  return {
    id: host.id,
    site: host.siteId,
    name: host.name,
    hardwareUuid: host.hardwareUuid,
    serial: host.serial,
    model: host.model,
    simulated: host.simulated,
    labels: host.labels.map(({ label }) => label),
    state: (host.state?.state ?? 'no_facts') as (typeof HOST_STATES)[number],
    stateSince: (host.state?.stateSince ?? host.enrolledAt).toISOString(),
    presence: (host.state?.presence ?? 'silent') as (typeof PRESENCES)[number],
    lastSeenAt: host.report?.lastSeenAt?.toISOString() ?? null,
    waitsFor: host.state?.waitsFor ?? null,
    quotaWanted: host.intent?.quota ?? QUOTA_STOCK,
    findings: { blocker: count('blocker'), warning: count('warning'), note: count('note') },
  };
}
