import { z } from 'zod';
import { policyEtag } from '../api/etag.ts';
import { idParams, isoDate, pageOf, pageQuery } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import { Problem } from '../common/problem.ts';
import type { Database } from '../db/database.ts';
import { filterQuery, listedPage } from '../filters/list-filter.ts';
import { policyOutcome } from './outcome.ts';
import type { Policies } from './policies.ts';
import { POLICY_FIELDS, POLICY_TABLES } from './policy-filter.ts';
import { applyInput, policyInput, revisionInput } from './policy-input.ts';
import { readSelector } from './selector.ts';

const revisionView = z.object({
  id: z.uuid(),
  number: z.number().int(),
  quota: z.number().int(),
  extraArgs: z.array(z.string()),
  selector: z.object({ labels: z.array(z.string()), hosts: z.array(z.uuid()), filter: z.string().nullable() }),
  priority: z.number().int(),
  strategy: z.record(z.string(), z.unknown()).nullable(),
  createdBy: z.string(),
  createdAt: isoDate,
});
const policyView = z.object({
  id: z.uuid(),
  name: z.string(),
  createdAt: isoDate,
  newest: revisionView,
  hosts: z.number().int().describe('Macs whose intent is a revision of this policy.'),
});

export function policyRoutes(database: Database, policies: Policies): readonly Route[] {
  return [
    route({
      id: 'createPolicy',
      method: 'POST',
      path: '/api/v1/policies',
      permission: 'policy.write',
      summary: 'Makes a policy; with `apply`, one call gives its quota to a label or a list of Macs.',
      status: 201,
      body: policyInput,
      reply: policyOutcome,
      handle: ({ body: { name, ...input }, actor, now }) => policies.create(name, input, actor, now),
    }),
    route({
      id: 'listPolicies',
      method: 'GET',
      path: '/api/v1/policies',
      permission: 'policy.read',
      summary: 'Policies, newest first.',
      status: 200,
      query: z.object({ ...pageQuery, filter: filterQuery(POLICY_FIELDS, 'archived==false;quota>16') }),
      reply: pageOf(policyView),
      handle: ({ query }) => {
        const page = { tables: POLICY_TABLES, id: 'p.id', fields: POLICY_FIELDS, ...query, order: 'DESC' } as const;
        return listedPage(database, page, async (ids) =>
          (await readPolicies(database, ids)).map(({ revisions: _all, ...row }) => row),
        );
      },
    }),
    route({
      id: 'getPolicy',
      method: 'GET',
      path: '/api/v1/policies/{id}',
      permission: 'policy.read',
      summary: 'One policy with its revisions, newest first.',
      status: 200,
      params: idParams,
      reply: policyView.extend({ revisions: z.array(revisionView) }),
      etag: policyEtag,
      handle: async ({ params: { id } }) => {
        const [policy] = await readPolicies(database, [id]);
        if (policy === undefined) throw new Problem('NOT_FOUND', `There is no policy ${id}.`);
        return policy;
      },
    }),
    route({
      id: 'createRevision',
      method: 'POST',
      path: '/api/v1/policies/{id}/revisions',
      permission: 'policy.write',
      summary: 'Adds a revision. What earlier revisions said stays as it was.',
      status: 201,
      params: idParams,
      conditional: true,
      body: revisionInput,
      reply: policyOutcome,
      handle: ({ params, body, actor, now, ifMatch }) => policies.revise(params.id, body, actor, now, ifMatch),
    }),
    route({
      id: 'applyPolicy',
      method: 'POST',
      path: '/api/v1/policies/{id}/apply',
      permission: 'policy.apply',
      summary: 'Applies the newest revision: a rollout sets the intent of each Mac that its selector means now.',
      status: 200,
      params: idParams,
      conditional: true,
      body: applyInput,
      reply: policyOutcome,
      handle: ({ params, body, actor, now, ifMatch }) => policies.apply(params.id, body.exception, actor, now, ifMatch),
    }),
    route({
      id: 'archivePolicy',
      method: 'DELETE',
      path: '/api/v1/policies/{id}',
      permission: 'policy.apply',
      summary: 'Archives a policy: rollouts give its Macs to whoever holds them next, or take them back to stock.',
      status: 200,
      params: idParams,
      conditional: true,
      reply: z.object({ id: z.uuid(), rollouts: z.array(z.object({ id: z.uuid(), state: z.string() })) }),
      handle: async ({ params: { id }, actor, now, ifMatch }) => ({
        id,
        rollouts: (await policies.archive(id, actor, now, ifMatch)).map((made) => ({ id: made.id, state: made.state })),
      }),
    }),
  ];
}

async function readPolicies(database: Database, ids: readonly string[]) {
  const policies = await database.prisma.policy.findMany({
    where: { id: { in: [...ids] } },
    orderBy: { id: 'desc' },
    include: { revisions: { orderBy: { number: 'desc' } } },
  });
  const revisionIds = policies.flatMap(({ revisions }) => revisions.map(({ id }) => id));
  const intents = await database.prisma.intent.groupBy({
    by: ['revisionId'],
    where: { revisionId: { in: revisionIds }, host: { retiredAt: null } },
    _count: { _all: true },
  });
  return policies.flatMap(({ id, name, createdAt, revisions: all }) => {
    const revisions = all.map(({ siteId: _site, policyId: _policy, selector, strategy, ...revision }) => ({
      ...revision,
      selector: shownSelector(selector),
      strategy: strategy as Record<string, unknown> | null,
      createdAt: revision.createdAt.toISOString(),
    }));
    const [newest] = revisions;
    if (newest === undefined) return [];
    const ids = new Set<string | null>(all.map((revision) => revision.id));
    const hosts = intents
      .filter(({ revisionId }) => ids.has(revisionId))
      .reduce((sum, { _count }) => sum + _count._all, 0);
    return [{ id, name, createdAt: createdAt.toISOString(), newest, revisions, hosts }];
  });
}

function shownSelector(stored: unknown) {
  const { labels, hosts, filter } = readSelector(stored);
  return { labels: [...labels], hosts: [...hosts], filter };
}
