import { z } from 'zod';
import { invalid } from '../api/validate.ts';
import { isUuid } from '../common/ids.ts';
import { Problem } from '../common/problem.ts';
import type { Tx } from '../db/database.ts';

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
    .describe('And these Macs: id, hardware UUID or serial number.'),
});
export type SelectorInput = z.output<typeof selectorInput>;

/** As stored in a revision: hosts by id. */
export interface Selector {
  readonly labels: readonly string[];
  readonly hosts: readonly string[];
}

export interface SelectedHost {
  readonly id: string;
  readonly hardwareUuid: string;
}

/** Turns what people wrote into ids; a Mac that nobody knows is an error of the caller, not an empty selection. */
export async function resolveSelector(tx: Tx, { labels, hosts }: SelectorInput): Promise<Selector> {
  if (labels.length === 0 && hosts.length === 0)
    throw new Problem('SELECTOR_EMPTY', 'Neither a label nor a host is named.');
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
  const ids = hosts.map((host, index) => {
    const found = known.find(
      ({ id, hardwareUuid, serial }) =>
        id === host.toLowerCase() || hardwareUuid === host.toUpperCase() || serial === host,
    );
    if (found === undefined)
      throw invalid([
        { path: `body.selector.hosts.${index}`, message: `no Mac with id, hardware UUID or serial ${host}` },
      ]);
    return found.id;
  });
  return { labels: [...new Set(labels)].sort(), hosts: [...new Set(ids)].sort() };
}

/** The Macs that a selector means at this moment, in host order. */
export async function selectHosts(tx: Tx, { labels, hosts }: Selector): Promise<readonly SelectedHost[]> {
  return tx.host.findMany({
    where: {
      retiredAt: null,
      OR: [{ id: { in: [...hosts] } }, { labels: { some: { label: { in: [...labels] } } } }],
    },
    select: { id: true, hardwareUuid: true },
    orderBy: { id: 'asc' },
  });
}

export function selectorText({ labels, hosts }: Selector): string {
  const parts = [...labels.map((label) => `label ${label}`), ...(hosts.length > 0 ? [`${hosts.length} named`] : [])];
  return parts.join(', ');
}
