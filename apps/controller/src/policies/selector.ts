import { FILTER_CHARS_MAX, type FilterScope, formatFilter, hostFieldNames, hostFields } from '@headroom/core';
import { z } from 'zod';
import { invalid } from '../common/field-errors.ts';
import { isUuid } from '../common/ids.ts';
import { Problem } from '../common/problem.ts';
import type { Tx } from '../db/database.ts';
import { readFilter } from '../filters/filter-sql.ts';
import { FILTER_TABLES, hostCondition } from '../hosts/filter-sql.ts';

/** Most Macs that one call may name one by one; a label has no such limit. */
const HOSTS_NAMED_MAX = 1000;

export const labelText = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,62}$/,
    'a label has 1 to 63 of A-Z a-z 0-9 . _ : / - and starts with a letter or digit',
  );

export const selectorInput = z.strictObject({
  labels: z.array(labelText).max(50).default([]).describe('Macs that have at least one of these labels.'),
  hosts: z
    .array(z.string().min(1).max(100))
    .max(HOSTS_NAMED_MAX)
    .default([])
    .describe(
      'And these Macs: id, hardware UUID or serial number. A Mac that is named is held before any other policy.',
    ),
  filter: z
    .string()
    .min(1)
    .max(FILTER_CHARS_MAX)
    .nullable()
    .default(null)
    .describe(`And Macs for which this holds, by what they are: ${hostFieldNames('identity').join(', ')}.`),
});
export type SelectorInput = z.output<typeof selectorInput>;

/** As stored in a revision: hosts by id, the filter in its normal form. */
export interface Selector {
  readonly labels: readonly string[];
  readonly hosts: readonly string[];
  readonly filter: string | null;
}

/** What a selector says of one host; hosts that it surely does not mean are left out. */
export interface Selection {
  readonly hostId: string;
  readonly hardwareUuid: string;
  /** Named one by one. */
  readonly named: boolean;
  /** Null = unknown, as a fact that the filter needs is. */
  readonly selected: true | null;
}

/** A selector as it lies in the database: revisions of the first version know no filter. */
export function readSelector(value: unknown): Selector {
  const { labels = [], hosts = [], filter = null } = value as Partial<Selector>;
  return { labels, hosts, filter };
}

/** Turns what people wrote into ids; a Mac that nobody knows is an error of the caller, not an empty selection. */
export async function resolveSelector(
  tx: Tx,
  { labels, hosts, filter }: SelectorInput,
  scope: FilterScope = 'identity',
): Promise<Selector> {
  if (labels.length === 0 && hosts.length === 0 && filter === null)
    throw new Problem('SELECTOR_EMPTY', 'Neither a label, a host nor a filter is named.');
  const known = await tx.host.findMany({
    where: {
      retiredAt: null,
      OR: [
        { id: { in: hosts.filter(isUuid).map((host) => host.toLowerCase()) } },
        { hardwareUuid: { in: hosts.map((host) => host.toUpperCase()) } },
        { serial: { in: hosts } },
      ],
    },
    select: { id: true, hardwareUuid: true, serial: true },
  });
  const chosen = hosts.map((host, index) => {
    const found = known.filter(
      ({ id, hardwareUuid, serial }) =>
        id === host.toLowerCase() || hardwareUuid === host.toUpperCase() || serial === host,
    );
    const path = `body.selector.hosts.${index}`;
    const [one, other] = found;
    if (one === undefined) throw invalid([{ path, message: `no Mac with id, hardware UUID or serial ${host}` }]);
    // A Mac whose board was replaced keeps its serial number, and is another Mac here.
    const ids = found.map(({ id }) => id).sort();
    if (other !== undefined)
      throw invalid([
        { path, message: `${ids.length} Macs have the serial ${host}: name one by id (${ids.join(', ')})` },
      ]);
    return one.id;
  });
  return {
    labels: [...new Set(labels)].sort(),
    hosts: [...new Set(chosen)].sort(),
    filter: filter === null ? null : formatFilter(readFilter(filter, hostFields(scope), 'body.selector.filter')),
  };
}

/** What the selector says at this moment, in host order: of all hosts, or of these, or of all but the targets of a rollout. */
export async function selectHosts(
  tx: Tx,
  selector: Selector,
  onlyHosts?: readonly string[],
  scope: FilterScope = 'identity',
  withoutTargetsOf?: string,
): Promise<readonly Selection[]> {
  const { labels, hosts, filter } = selector;
  const { sql, values } =
    filter === null ? { sql: 'false', values: [] } : hostCondition(filter, scope, 'selector.filter', 3);
  const place = 3 + values.length;
  const only = onlyHosts === undefined ? '' : `AND h.id = ANY($${place}::uuid[])`;
  const without =
    withoutTargetsOf === undefined
      ? ''
      : `AND NOT EXISTS (SELECT 1 FROM rollout_target st WHERE st.rollout_id = $${place + (only === '' ? 0 : 1)}::uuid AND st.host_id = h.id)`;
  return tx.$queryRawUnsafe<Selection[]>(
    `SELECT * FROM (
       SELECT h.id::text AS "hostId", h.hardware_uuid AS "hardwareUuid", h.id = ANY($1::uuid[]) AS named,
         (h.id = ANY($1::uuid[])
           OR EXISTS (SELECT 1 FROM host_label sl WHERE sl.host_id = h.id AND sl.label = ANY($2::text[]))
           OR ${sql}) AS selected
       FROM ${FILTER_TABLES} WHERE h.retired_at IS NULL ${only} ${without}) chosen
     WHERE selected IS NOT FALSE ORDER BY "hostId"`,
    [...hosts],
    [...labels],
    ...values,
    ...(onlyHosts === undefined ? [] : [[...onlyHosts]]),
    ...(withoutTargetsOf === undefined ? [] : [withoutTargetsOf]),
  );
}

export function selectorText({ labels, hosts, filter }: Selector): string {
  return [
    ...labels.map((label) => `label ${label}`),
    ...(hosts.length > 0 ? [`${hosts.length} named`] : []),
    ...(filter === null ? [] : [`filter ${filter}`]),
  ].join(', ');
}
