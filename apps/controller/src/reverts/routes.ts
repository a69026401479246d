import { z } from 'zod';
import { idParams } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import { selectorInput } from '../policies/selector.ts';
import type { RevertOutcome, Reverts } from './reverts.ts';

const reason = z.string().trim().min(3).max(300).describe('Becomes the title of the rollout, and stands in the audit.');
const SAMPLES = 20;

const outcomeView = z.object({
  rolloutId: z.uuid().nullable().describe('Null = nothing to take back, or a dry run.'),
  hosts: z.number().int().describe('Macs that go back to stock.'),
  leftOut: z.array(
    z.object({
      reason: z.string(),
      hosts: z.number().int(),
      samples: z.array(z.uuid()).describe(`At most ${SAMPLES}.`),
    }),
  ),
  policies: z
    .array(z.object({ policyId: z.uuid(), policy: z.string(), hosts: z.number().int() }))
    .describe('Policies that stay as they are, and raise so many of these Macs again when they are applied.'),
  waitsFor: z.string().nullable().describe('What a person has to do before anything moves.'),
});

export function revertRoutes(reverts: Reverts): readonly Route[] {
  return [
    route({
      id: 'revertHosts',
      method: 'POST',
      path: '/api/v1/reverts',
      permission: 'host.revert',
      summary:
        'Takes the Macs of a selection back to stock by one rollout, or shows which it would take and why not others.',
      status: 200,
      body: z.strictObject({
        selector: selectorInput.describe('The filter may use every field, e.g. state==raised.'),
        reason,
        dryRun: z.boolean().default(false),
      }),
      reply: outcomeView,
      handle: async ({ body, actor, now }) => show(await reverts.revert({ ...body, actor: actor.name, now })),
    }),
    route({
      id: 'revertHost',
      method: 'POST',
      path: '/api/v1/hosts/{id}/revert',
      permission: 'host.revert',
      summary: 'Takes one Mac back to stock.',
      status: 200,
      params: idParams,
      body: z.strictObject({ reason }),
      reply: outcomeView,
      handle: async ({ params: { id }, body, actor, now }) => {
        const selector = { labels: [], hosts: [id], filter: null };
        return show(await reverts.revert({ selector, reason: body.reason, dryRun: false, actor: actor.name, now }));
      },
    }),
  ];
}

function show({ rollout, hostIds, leftOut, policies }: RevertOutcome): z.input<typeof outcomeView> {
  const waits = rollout?.state === 'waiting_for_confirmation';
  return {
    rolloutId: rollout?.id ?? null,
    hosts: hostIds.length,
    leftOut: leftOut.map((group) => ({
      reason: group.reason,
      hosts: group.hostIds.length,
      samples: group.hostIds.slice(0, SAMPLES),
    })),
    policies: [...policies],
    waitsFor: waits ? 'A person confirms the rollout: it takes the raise from many Macs.' : null,
  };
}
