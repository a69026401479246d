import { z } from 'zod';
import { type Route, route } from '../api/route.ts';
import type { Database } from '../db/database.ts';
import { readiness } from './readiness.ts';

const counts = z.record(z.string(), z.number().int());

export function readinessRoutes(database: Database): readonly Route[] {
  return [
    route({
      id: 'getReadiness',
      method: 'GET',
      path: '/api/v1/readiness',
      permission: 'readiness.read',
      summary: 'The fleet by state, and what blocks it by cause, most Macs first.',
      status: 200,
      reply: z.object({
        hosts: z.number().int(),
        byState: counts,
        raised: counts.describe('Those that are raised, by how far it is proven: configured, witnessed.'),
        byPresence: counts,
        blockedBy: z.array(
          z.object({
            code: z.string(),
            severity: z.string(),
            title: z.string(),
            nextStep: z.string(),
            hosts: z.number().int(),
            samples: z.array(z.object({ id: z.uuid(), name: z.string() })),
          }),
        ),
      }),
      handle: () => readiness(database),
    }),
  ];
}
