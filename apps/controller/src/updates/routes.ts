import { UPDATE_VERDICTS, UPDATE_WAYS } from '@headroom/core';
import { z } from 'zod';
import { pageOf, pageQuery } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import type { Database } from '../db/database.ts';
import { hostsOfTarget, TARGETS_MAX, updatesByTarget } from './roll-up.ts';

const count = z.number().int();
const localTime = z.string().nullable().describe("As MDM set it: the Mac's own clock, without a time zone.");
const verdict = z
  .enum(UPDATE_VERDICTS)
  .describe(
    '`no_boot`: would not boot, or would fall back to two guests; nobody can know which. `unknown` is never safe.',
  );

export function updateRoutes(database: Database): readonly Route[] {
  return [
    route({
      id: 'getUpdates',
      method: 'GET',
      path: '/api/v1/updates',
      permission: 'readiness.read',
      summary: 'macOS updates that Macs with a raise, wanted or there, face: by target, most Macs first.',
      status: 200,
      reply: z.object({
        updates: z.array(
          z.object({
            target: z.string().describe('What an acceptance names.'),
            version: z.string().nullable(),
            build: z.string().nullable().describe('Null = macOS does not tell it.'),
            kdkInCatalogue: z.boolean(),
            hosts: count,
            byVerdict: z.object({ safe: count, two_guests: count, no_boot: count, unknown: count }),
            accepted: count,
            prepared: count.describe('May install at the next shutdown.'),
            enforced: count,
            firstEnforcedAt: localTime,
            lastEnforcedAt: localTime,
          }),
        ),
        isCut: z.boolean().describe(`There are more than ${TARGETS_MAX} targets.`),
      }),
      handle: () => updatesByTarget(database),
    }),
    route({
      id: 'listUpdateHosts',
      method: 'GET',
      path: '/api/v1/updates/hosts',
      permission: 'readiness.read',
      summary: 'Macs that face one update, with the verdict on each and what it rests on.',
      status: 200,
      query: z.object({
        ...pageQuery,
        target: z.string().min(1).max(200),
        verdict: verdict.optional(),
        accepted: z.stringbool().optional(),
      }),
      reply: pageOf(
        z.object({
          id: z.uuid(),
          name: z.string(),
          serial: z.string().nullable(),
          state: z.string(),
          version: z.string().nullable(),
          build: z.string().nullable(),
          ways: z.array(z.enum(UPDATE_WAYS)),
          enforcedAt: localTime,
          verdict,
          basis: z.string(),
          acceptanceId: z.uuid().nullable(),
        }),
      ),
      handle: ({ query }) => hostsOfTarget(database, query),
    }),
  ];
}
