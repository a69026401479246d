/** What an admin does with a fleet of synthetic agents, and where that fleet is. */
import { createHash } from 'node:crypto';

/** The controller's REST API, whoever speaks it. */
export interface FleetApi {
  call<Body>(method: string, path: string, body?: object | Uint8Array, headers?: object): Promise<Body>;
}

export interface Applied {
  readonly rolloutId: string;
}

const KDK_NAME = 'Kernel_Debug_Kit_14.5_build_23F79.dmg';

/** Synthetic agents never open it. */
export async function provideKdk(api: FleetApi): Promise<void> {
  const bytes = Buffer.from('a kernel debug kit, for all the controller knows');
  const sum = createHash('sha256').update(bytes).digest('hex');
  await api.call('PUT', `/api/v1/kdks?fileName=${KDK_NAME}`, bytes, { 'x-checksum-sha256': sum });
}

/** A policy for a label, or its next revision. Without a strategy it is for all at once. */
export async function applyQuota(api: FleetApi, label: string, quota: number, strategy?: object): Promise<Applied> {
  const { version } = await api.call<{ version: string }>('GET', '/api/v1/licence-clause');
  const exception = { purpose: 'Tests', reason: 'Synthetic agents', acceptClause: version, confirmHighQuota: true };
  const wanted = { quota, selector: { labels: [label] }, exception, apply: true, ...(strategy && { strategy }) };
  const { items } = await api.call<{ items: { id: string; name: string }[] }>('GET', '/api/v1/policies');
  const known = items.find(({ name }) => name === label);
  return known === undefined
    ? api.call('POST', '/api/v1/policies', { name: label, ...wanted })
    : api.call('POST', `/api/v1/policies/${known.id}/revisions`, wanted);
}

type Sql = <Row extends object>(text: string) => Promise<Row[]>;

/** How many Macs wait for a person with the visit kit of this quota, and have nothing else to do. */
export async function readyFor(sql: Sql, quota: number): Promise<number> {
  const [row] = await sql<{ n: number }>(`
    SELECT count(*)::int AS n FROM host_state s JOIN visit v ON v.host_id = s.host_id AND v.state = 'due'
    WHERE s.state = 'ready_for_visit' AND v.quota = ${quota} AND s.due_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM job j WHERE j.host_id = s.host_id AND j.state IN ('queued', 'leased'))`);
  return row?.n ?? 0;
}
