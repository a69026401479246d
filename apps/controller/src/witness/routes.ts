import { WITNESS_GUESTS_MIN } from '@headroom/core';
import { z } from 'zod';
import { idParams, isoDate } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import type { Database } from '../db/database.ts';
import { readPairs, witnessedText } from './pairs.ts';
import type { Witnesses } from './witnesses.ts';

/** More guests than this run on no Mac. */
const GUESTS_MAX = 1000;

const witnessInput = z.strictObject({
  macosGuests: z
    .number()
    .int()
    .min(0)
    .max(GUESTS_MAX)
    .describe(
      'Guests alive at once that are known to run macOS. Processes alone do not tell: they may be Linux guests.',
    ),
  bootSessionId: z.uuid().describe('kern.bootsessionuuid of the Mac at that moment.'),
  source: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9 ._:/@-]{0,79}$/, '1 to 80 letters, digits, blanks or . _ : / @ -')
    .describe('What counted, e.g. orchard.'),
});

export function witnessRoutes(database: Database, witnesses: Witnesses): readonly Route[] {
  return [
    route({
      id: 'witnessHost',
      method: 'POST',
      path: '/api/v1/hosts/{id}/witness',
      permission: 'host.witness',
      summary: `Says how many macOS guests are alive at once on a Mac in its present boot: ${WITNESS_GUESTS_MIN} or more make a raise *witnessed*.`,
      status: 200,
      params: idParams,
      body: witnessInput,
      reply: z.object({
        macosGuests: z.number().int().describe('The most that was seen in this boot.'),
        bootSessionId: z.string(),
        source: z.string(),
        saidBy: z.string(),
        at: isoDate,
        counts: z
          .boolean()
          .describe(`At least ${WITNESS_GUESTS_MIN}: witnessed as long as every piece of evidence holds.`),
      }),
      handle: async ({ params: { id }, body, actor, now }) => {
        const { at, macosGuests, bootSessionId, source, saidBy } = await witnesses.take({
          hostId: id,
          ...body,
          actor: actor.name,
          now,
        });
        const counts = macosGuests >= WITNESS_GUESTS_MIN;
        return { macosGuests, bootSessionId, source, saidBy, at: at.toISOString(), counts };
      },
    }),
    route({
      id: 'listPairs',
      method: 'GET',
      path: '/api/v1/pairs',
      permission: 'readiness.read',
      summary: 'Each build and kernel variant of the fleet: on how many Macs here its raise was witnessed.',
      status: 200,
      reply: z.object({
        items: z.array(
          z.object({
            build: z.string(),
            variant: z.string(),
            macs: z.number().int().describe('That have it now.'),
            raised: z.number().int(),
            witnessedOn: z.number().int().describe('Macs on which it was ever witnessed, since retired ones included.'),
            witnessedAt: isoDate.nullable().describe('The last time.'),
            text: z.string(),
          }),
        ),
      }),
      handle: async () => ({
        items: (await readPairs(database)).map((pair) => ({
          ...pair,
          witnessedAt: pair.witnessedAt?.toISOString() ?? null,
          text: witnessedText(pair.witnessedOn),
        })),
      }),
    }),
  ];
}
