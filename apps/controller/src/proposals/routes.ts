import { z } from 'zod';
import { decodeCursor, idParams, isoDate, pageOf, pageQuery, toPage } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import { invalid } from '../common/field-errors.ts';
import { Problem } from '../common/problem.ts';
import type { Database } from '../db/database.ts';
import { policyOutcome } from '../policies/outcome.ts';
import { applyProposalInput, proposalInput } from './proposal-input.ts';
import type { Proposals } from './proposals.ts';
import { HANDS, RISKS } from './proposed-host.ts';

const counts = z.record(z.string(), z.number().int());
const proposalView = z.object({
  id: z.uuid(),
  state: z.enum(['computing', 'ready', 'failed', 'applied', 'expired']),
  request: z.record(z.string(), z.unknown()),
  pinned: z.record(z.string(), z.string()).nullable().describe('Revisions of every policy that it was computed with.'),
  members: z.number().int().nullable().describe('Macs held; applying is refused when more than 1 % of them moved.'),
  summary: z
    .object({
      hosts: z.number().int().describe('Macs whose intent would change.'),
      unknown: z.number().int(),
      byRisk: counts,
      byHands: counts,
      bySteps: counts,
      blocked: z.number().int(),
      blockedBy: z.array(z.object({ code: z.string(), title: z.string(), hosts: z.number().int() })),
      grant: z.object({ covers: z.number().int(), of: z.number().int(), text: z.string() }),
    })
    .nullable(),
  problem: z.string().nullable(),
  createdBy: z.string(),
  createdAt: isoDate,
  readyAt: isoDate.nullable(),
  expiresAt: isoDate,
  appliedAt: isoDate.nullable(),
});
const hostView = z.object({
  hostId: z.uuid(),
  before: z.object({ quota: z.number().int(), state: z.string() }),
  after: z.object({ quota: z.number().int(), policy: z.string().nullable() }),
  steps: z.array(z.string()),
  risk: z.enum(RISKS),
  needsHands: z.enum(HANDS),
  blockedBy: z.array(z.object({ code: z.string(), title: z.string() })),
  covered: z.boolean().nullable().describe('Does a grant name it now? Null where none is needed.'),
});

export function proposalRoutes(database: Database, proposals: Proposals): readonly Route[] {
  return [
    route({
      id: 'createProposal',
      method: 'POST',
      path: '/api/v1/proposals',
      permission: 'policy.write',
      summary: 'Previews what policies would do to the fleet. It is computed in the background; nothing changes.',
      status: 202,
      body: proposalInput,
      reply: proposalView,
      handle: async ({ body, actor, now }) => {
        if (body.policyId === null && body.revision !== null)
          throw invalid([{ path: 'body.policyId', message: 'a revision needs the policy that it is of' }]);
        return read(await proposals.create(body, actor, now));
      },
    }),
    route({
      id: 'getProposal',
      method: 'GET',
      path: '/api/v1/proposals/{id}',
      permission: 'policy.read',
      summary: 'A proposal: its impact, what blocks, and what it is pinned to.',
      status: 200,
      params: idParams,
      reply: proposalView,
      handle: ({ params: { id } }) => read(id),
    }),
    route({
      id: 'listProposalHosts',
      method: 'GET',
      path: '/api/v1/proposals/{id}/hosts',
      permission: 'policy.read',
      summary: 'Each Mac whose intent would change: before, after, steps, risk, and whether it needs hands.',
      status: 200,
      params: idParams,
      query: z.object(pageQuery),
      reply: pageOf(hostView),
      handle: async ({ params: { id }, query: { limit, cursor } }) => {
        const after = decodeCursor(cursor);
        const rows = await database.prisma.proposalHost.findMany({
          where: { proposalId: id, ...(after !== null && { hostId: { gt: after } }) },
          orderBy: { hostId: 'asc' },
          take: limit + 1,
        });
        return toPage(
          rows,
          limit,
          ({ hostId }) => hostId,
          ({ view }) => view as unknown as z.input<typeof hostView>,
        );
      },
    }),
    route({
      id: 'applyProposal',
      method: 'POST',
      path: '/api/v1/proposals/{id}/apply',
      permission: 'policy.apply',
      summary: 'Does what was shown; refused with what changed when a pin does not hold any more.',
      status: 200,
      params: idParams,
      body: applyProposalInput,
      reply: z.object({
        id: z.uuid(),
        applied: z.array(policyOutcome),
        letGo: z.array(z.uuid()).describe('Rollouts of Macs that policies only let go of.'),
      }),
      handle: async ({ params: { id }, body, actor, now }) => {
        const { outcomes, letGo } = await proposals.apply(id, body.exception, actor, now);
        return { id, applied: [...outcomes], letGo: [...letGo] };
      },
    }),
  ];

  async function read(id: string): Promise<z.input<typeof proposalView>> {
    const row = await database.prisma.proposal.findUnique({ where: { id } });
    if (row === null) throw new Problem('NOT_FOUND', `There is no proposal ${id}.`);
    const pins = row.pins as { revisions: Record<string, string>; members: string[] } | null;
    return {
      id,
      state: row.state as z.input<typeof proposalView>['state'],
      request: row.request as Record<string, unknown>,
      pinned: pins?.revisions ?? null,
      members: pins?.members.length ?? null,
      summary: row.summary as z.input<typeof proposalView>['summary'],
      problem: row.problem,
      createdBy: row.createdBy,
      createdAt: row.createdAt.toISOString(),
      readyAt: row.readyAt?.toISOString() ?? null,
      expiresAt: row.expiresAt.toISOString(),
      appliedAt: row.appliedAt?.toISOString() ?? null,
    };
  }
}
