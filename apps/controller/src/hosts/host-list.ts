import {
  degreeOf,
  HOST_FIELDS,
  HOST_STATES,
  type HostFieldName,
  PRESENCES,
  QUOTA_STOCK,
  RAISE_DEGREES,
} from '@headroom/core';
import { z } from 'zod';
import { isoDate, pageQuery } from '../api/paging.ts';
import type { Database } from '../db/database.ts';
import type { Prisma } from '../db/generated/client.ts';
import type { Remembered, StoredFinding } from '../evaluator/host-input.ts';
import { type Asked, equals, filterQuery, type ListFields, listedPage } from '../filters/list-filter.ts';
import { labelText } from '../policies/selector.ts';
import { FILTER_TABLES, HOST_COLUMNS } from './filter-sql.ts';

const ENDS = ['retired', 'forgotten'] as const;

/** Which Macs are listed. */
const LISTED = {
  present: 'h.retired_at IS NULL',
  retired: 'h.retired_at IS NOT NULL AND h.forgotten_at IS NULL',
  forgotten: 'h.forgotten_at IS NOT NULL',
} as const;

const HOST_LIST_FIELDS: ListFields = Object.fromEntries(
  Object.entries(HOST_FIELDS).map(([name, field]) => [name, { ...field, column: HOST_COLUMNS[name as HostFieldName] }]),
);

export const hostListQuery = z.object({
  ...pageQuery,
  label: z
    .union([labelText, z.array(labelText).max(20)])
    .optional()
    .describe('Only Macs with this label; repeated: with all of them.'),
  state: z.enum(HOST_STATES).optional(),
  presence: z.enum(PRESENCES).optional(),
  site: z.uuid().optional(),
  ended: z.enum(ENDS).optional().describe('Instead of the present Macs: those that were retired, or forgotten.'),
  filter: filterQuery(HOST_FIELDS, 'state==raised;label=in=(lab,ci)'),
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
  labelsByRule: z.array(z.string()).describe('Of these, the ones that a rule alone gives; the others an admin gave.'),
  state: z.enum(HOST_STATES),
  stateSince: isoDate,
  proof: z.enum(RAISE_DEGREES).nullable().describe('How far a raise is proven; null = not raised.'),
  stateText: z.string().describe('e.g. raised (witnessed)'),
  presence: z.enum(PRESENCES),
  lastSeenAt: isoDate.nullable(),
  waitsFor: z.string().nullable(),
  end: z
    .object({ kind: z.enum(ENDS), at: isoDate, reason: z.string().nullable() })
    .nullable()
    .describe('A forgotten Mac may still be raised: its state is the last one known.'),
  quotaWanted: z.number().int().describe(`Macs allow ${QUOTA_STOCK} by themselves (stock).`),
  findings: z.object({ blocker: z.number().int(), warning: z.number().int(), note: z.number().int() }),
});

/** Facts are large: lists leave them in the database. */
export const HOST_ROW_INCLUDE = {
  labels: { select: { label: true, byAdmin: true }, orderBy: { label: 'asc' } },
  state: { select: { state: true, stateSince: true, presence: true, waitsFor: true, findings: true, record: true } },
  report: { select: { lastSeenAt: true } },
  intent: { select: { quota: true } },
} as const satisfies Prisma.HostInclude;

export type HostRecord = Prisma.HostGetPayload<{ include: typeof HOST_ROW_INCLUDE }>;

export async function listHosts(database: Database, query: z.output<typeof hostListQuery>) {
  const { limit, cursor, label, state, presence, site, filter, ended } = query;
  const labels = label === undefined ? [] : [label].flat();
  const page = {
    ...{ tables: FILTER_TABLES, id: 'h.id', fields: HOST_LIST_FIELDS, filter, limit, cursor },
    own: {
      sql: `${LISTED[ended ?? 'present']} AND ($1::uuid IS NULL OR h.site_id = $1::uuid)`,
      values: [site ?? null],
    },
    asked: [...labels.map((one): Asked => ['label', '==', one]), ...equals({ state, presence })],
    order: 'ASC',
  } as const;
  return listedPage(database, page, async (ids) => {
    const where = { id: { in: ids } };
    const rows = await database.prisma.host.findMany({ where, include: HOST_ROW_INCLUDE, orderBy: { id: 'asc' } });
    return rows.map(showHostRow);
  });
}

function endOf({ retiredAt, forgottenAt, endReason: reason }: HostRecord): z.input<typeof hostRow>['end'] {
  if (retiredAt === null) return null;
  return { kind: forgottenAt === null ? 'retired' : 'forgotten', at: retiredAt.toISOString(), reason };
}

/** What evaluation remembers of a host. */
export function rememberedOf({ state }: Pick<HostRecord, 'state'>): Partial<Remembered> {
  return (state?.record ?? {}) as unknown as Partial<Remembered>;
}

export function showHostRow(host: HostRecord): z.input<typeof hostRow> {
  const findings = (host.state?.findings ?? []) as unknown as readonly StoredFinding[];
  const count = (severity: string) => findings.filter((finding) => finding.severity === severity).length;
  const state = (host.state?.state ?? 'no_facts') as (typeof HOST_STATES)[number];
  const proof = degreeOf(state, rememberedOf(host).witness ?? null);
  return {
    id: host.id,
    site: host.siteId,
    name: host.name,
    hardwareUuid: host.hardwareUuid,
    serial: host.serial,
    model: host.model,
    simulated: host.simulated,
    labels: host.labels.map(({ label }) => label),
    labelsByRule: host.labels.filter(({ byAdmin }) => !byAdmin).map(({ label }) => label),
    state,
    proof,
    stateText: proof === null ? state : `${state} (${proof})`,
    stateSince: (host.state?.stateSince ?? host.enrolledAt).toISOString(),
    presence: (host.state?.presence ?? 'silent') as (typeof PRESENCES)[number],
    lastSeenAt: host.report?.lastSeenAt?.toISOString() ?? null,
    waitsFor: host.state?.waitsFor ?? null,
    end: endOf(host),
    quotaWanted: host.intent?.quota ?? QUOTA_STOCK,
    findings: { blocker: count('blocker'), warning: count('warning'), note: count('note') },
  };
}
