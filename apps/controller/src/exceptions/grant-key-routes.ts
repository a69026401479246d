/** The grant keys of the fleet, and which Macs have heard that one is believed no more. */
import { z } from 'zod';
import { decodeCursor, isoDate, pageOf, pageQuery, toPage } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import { Problem } from '../common/problem.ts';
import type { Database } from '../db/database.ts';
import type { GrantSigner } from './grant-signer.ts';

/** $1 key. Macs by what their agents said; `unsaid` = nothing, as it was not heard of since the keys changed, or is of an earlier release. */
const COUNTS = `
  SELECT count(*) FILTER (WHERE r.grant_key_id = $1)::int AS believing,
    count(*) FILTER (WHERE r.grant_key_id IS NOT NULL AND $1 = ANY(r.retired_grant_key_ids))::int AS heard,
    count(*) FILTER (WHERE r.grant_key_id IS NOT NULL AND NOT $1 = ANY(r.retired_grant_key_ids))::int AS "notHeard",
    count(*) FILTER (WHERE r.grant_key_id IS NULL)::int AS unsaid
  FROM host h JOIN host_report r ON r.host_id = h.id WHERE h.retired_at IS NULL`;

/** $1 key, $2 after this host, $3 how many. Macs that have not said that they heard of its retirement. */
const NOT_HEARD = `
  SELECT h.id::text AS id, h.name, r.last_seen_at AS "lastSeenAt", r.agent_version AS "agentVersion", r.grant_key_id AS "grantKeyId"
  FROM host h JOIN host_report r ON r.host_id = h.id
  WHERE h.retired_at IS NULL AND NOT (r.grant_key_id IS NOT NULL AND $1 = ANY(r.retired_grant_key_ids))
    AND ($2::uuid IS NULL OR h.id > $2::uuid)
  ORDER BY h.id LIMIT $3::int`;

interface Counts {
  readonly believing: number;
  readonly heard: number;
  readonly notHeard: number;
  readonly unsaid: number;
}

interface Unheard {
  readonly id: string;
  readonly name: string;
  readonly lastSeenAt: Date | null;
  readonly agentVersion: string | null;
  readonly grantKeyId: string | null;
}

const keyView = z.object({
  keyId: z.string(),
  state: z.enum(['present', 'previous', 'retired']),
  retiredAt: isoDate.nullable(),
  newestOn: z.number().int().describe('Macs whose agents say that it is the newest key that they believe.'),
  retirement: z
    .object({
      heard: z.number().int(),
      notHeard: z.number().int(),
      unsaid: z.number().int().describe('Not heard of since the keys changed, or an agent of an earlier release.'),
    })
    .nullable()
    .describe('Macs that have heard that it is believed no more; null = it is believed.'),
});

export function grantKeyRoutes(database: Database, key: GrantSigner): readonly Route[] {
  const retirementOf = (keyId: string) => (key.retirements ?? []).find((one) => one.keyId === keyId);
  return [
    route({
      id: 'listGrantKeys',
      method: 'GET',
      path: '/api/v1/grant-keys',
      permission: 'exception.read',
      summary: 'The keys that sign grants, the present one first, and how many Macs have heard that one was retired.',
      status: 200,
      reply: z.object({ items: z.array(keyView) }),
      handle: async () => {
        const ids = new Set([key.keyId, ...(key.previousKeys ?? []).map(({ keyId }) => keyId).toReversed()]);
        for (const { keyId } of key.retirements ?? []) ids.add(keyId);
        return { items: await Promise.all([...ids].map(view)) };
      },
    }),
    route({
      id: 'listUnheardRetirements',
      method: 'GET',
      path: '/api/v1/grant-keys/{keyId}/unheard',
      permission: 'exception.read',
      summary:
        'Macs that have not said that they know of the retirement of a key: what it signed may still count there.',
      status: 200,
      params: z.object({ keyId: z.string().max(64) }),
      query: z.object(pageQuery),
      reply: pageOf(
        z.object({
          id: z.uuid(),
          name: z.string(),
          lastSeenAt: isoDate.nullable(),
          agentVersion: z.string().nullable(),
          newestKeyId: z.string().nullable().describe('That its agent believes; null = it did not say.'),
        }),
      ),
      handle: async ({ params: { keyId }, query: { limit, cursor } }) => {
        if (retirementOf(keyId) === undefined) throw new Problem('NOT_FOUND', `No grant key ${keyId} was retired.`);
        const values = [keyId, decodeCursor(cursor), limit + 1];
        const rows = await database.prisma.$queryRawUnsafe<Unheard[]>(NOT_HEARD, ...values);
        return toPage(
          rows,
          limit,
          ({ id }) => id,
          ({ lastSeenAt, grantKeyId: newestKeyId, ...row }) => ({
            ...row,
            lastSeenAt: lastSeenAt?.toISOString() ?? null,
            newestKeyId,
          }),
        );
      },
    }),
  ];

  async function view(keyId: string): Promise<z.input<typeof keyView>> {
    const [counts] = await database.prisma.$queryRawUnsafe<Counts[]>(COUNTS, keyId);
    const { believing = 0, heard = 0, notHeard = 0, unsaid = 0 } = counts ?? {};
    const retiredAt = retirementOf(keyId)?.retiredAt ?? null;
    const state = retiredAt !== null ? 'retired' : keyId === key.keyId ? 'present' : 'previous';
    const retirement = retiredAt === null ? null : { heard, notHeard, unsaid };
    return { keyId, state, retiredAt, newestOn: believing, retirement };
  }
}
