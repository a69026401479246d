import { z } from 'zod';
import { idParams, isoDate, pageOf } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import type { Database } from '../db/database.ts';
import { labelText } from '../policies/selector.ts';
import { hostListQuery, hostRow, listHosts } from './host-list.ts';
import { hostView, viewHost } from './host-view.ts';
import { LABELS_PER_HOST_MAX, setLabel } from './labels.ts';

/** Makes enrolment tokens; the token service is one. */
export interface EnrolTokens {
  create(order: EnrolTokenOrder): Promise<{ readonly id: string; readonly text: string }>;
}

export interface EnrolTokenOrder {
  readonly labels: readonly string[];
  readonly uses: number;
  readonly expiresAt: Date;
  readonly actor: string;
}

const HOUR_MS = 3_600_000;
const labelParams = z.object({ id: z.uuid(), label: labelText });
const labelsReply = z.object({ id: z.uuid(), labels: z.array(z.string()) });

export function hostRoutes(database: Database, tokens: EnrolTokens): readonly Route[] {
  return [
    route({
      id: 'listHosts',
      method: 'GET',
      path: '/api/v1/hosts',
      permission: 'host.read',
      summary: 'Macs, in the order of enrolment.',
      status: 200,
      query: hostListQuery,
      reply: pageOf(hostRow),
      handle: ({ query }) => listHosts(database, query),
    }),
    route({
      id: 'getHost',
      method: 'GET',
      path: '/api/v1/hosts/{id}',
      permission: 'host.read',
      summary: 'One Mac: state, findings with evidence, facts, intent, plan, visit, timeline.',
      status: 200,
      params: idParams,
      reply: hostView,
      handle: ({ params }) => viewHost(database, params.id),
    }),
    route({
      id: 'putLabel',
      method: 'PUT',
      path: '/api/v1/hosts/{id}/labels/{label}',
      permission: 'host.label',
      summary: 'Gives a Mac a label. No intent changes until a policy is applied.',
      status: 200,
      params: labelParams,
      reply: labelsReply,
      handle: async ({ params: { id, label }, actor, now }) => ({
        id,
        labels: [...(await setLabel(database, { hostId: id, label, present: true, actor: actor.name, now }))],
      }),
    }),
    route({
      id: 'deleteLabel',
      method: 'DELETE',
      path: '/api/v1/hosts/{id}/labels/{label}',
      permission: 'host.label',
      summary: 'Takes a label away. No intent changes until a policy is applied.',
      status: 200,
      params: labelParams,
      reply: labelsReply,
      handle: async ({ params: { id, label }, actor, now }) => ({
        id,
        labels: [...(await setLabel(database, { hostId: id, label, present: false, actor: actor.name, now }))],
      }),
    }),
    route({
      id: 'createEnrolToken',
      method: 'POST',
      path: '/api/v1/enrol-tokens',
      permission: 'enrol_token.create',
      summary: 'Makes a token with which Macs enrol. Its text is shown this once.',
      status: 201,
      body: z.strictObject({
        uses: z.number().int().min(1).max(10_000).default(1),
        expiresInHours: z
          .number()
          .int()
          .min(1)
          .max(24 * 90)
          .default(24),
        labels: z
          .array(labelText)
          .max(LABELS_PER_HOST_MAX)
          .default([])
          .describe('Given to each Mac that enrols with it.'),
      }),
      reply: z.object({ id: z.uuid(), token: z.string(), uses: z.number().int(), expiresAt: isoDate }),
      handle: async ({ body: { uses, expiresInHours, labels }, actor, now }) => {
        const expiresAt = new Date(now.getTime() + expiresInHours * HOUR_MS);
        const { id, text } = await tokens.create({ labels, uses, expiresAt, actor: actor.name });
        return { id, token: text, uses, expiresAt: expiresAt.toISOString() };
      },
    }),
  ];
}
