import type { IncomingMessage } from 'node:http';
import { breakGlass, type Sheet, sheetText } from '@headroom/core';
import { z } from 'zod';
import type { Actor } from '../../api/api-tokens.ts';
import { idParams } from '../../api/paging.ts';
import { type Call, type Route, route } from '../../api/route.ts';
import { Problem } from '../../common/problem.ts';
import { OWN_URL } from '../../config/config.ts';
import type { Database } from '../../db/database.ts';
import { visitRoute, visitRouteQuery } from '../visit-list.ts';
import { hostPage, type Reader, readHost, readRunSheet } from './read.ts';
import { runSheet } from './run-sheet.ts';
import { sheetsHtml } from './sheet-html.ts';

const HTML = 'text/html; charset=utf-8';
const PRINTABLE = [HTML, 'text/plain; charset=utf-8'] as const;
const SHEETS_MAX = 50;

const sheetsQuery = visitRouteQuery.extend({
  visit: z
    .union([z.uuid(), z.array(z.uuid()).max(SHEETS_MAX)])
    .optional()
    .describe('These visits, in this order; without any, the route that the other fields narrow.'),
});

/** Pages for people, to print before something is changed: HTML, or plain text for whoever asks for it by Accept. */
export function sheetRoutes(database: Database, configured: string | null): readonly Route[] {
  const publicUrlOf = (request: IncomingMessage) => (configured === OWN_URL ? apiUrlOf(request) : configured);
  const readerOf = ({ actor, request, now }: Pick<Call<never, never, never>, 'actor' | 'request' | 'now'>): Reader => ({
    mayOpen: mayOpen(actor),
    apiUrl: apiUrlOf(request),
    publicUrl: publicUrlOf(request),
    now,
  });
  return [
    route({
      id: 'getRunSheet',
      method: 'GET',
      path: '/api/v1/visits/{id}/run-sheet',
      permission: 'visit.read',
      summary: 'The page to take along; the code stands on it once the visit is open, for those who may open visits.',
      status: 200,
      text: PRINTABLE,
      params: idParams,
      query: z.object({
        as: z
          .literal('recover')
          .optional()
          .describe('For an overdue visit: the page of a Mac that does not come back.'),
      }),
      reply: z.string(),
      handle: async ({ params, query, type, ...call }) =>
        render([runSheet(await readRunSheet(database, params.id, readerOf(call), query.as ?? null))], type),
    }),
    route({
      id: 'getRunSheets',
      method: 'GET',
      path: '/api/v1/run-sheets',
      permission: 'visit.read',
      summary: `Run sheets of several visits to print at once, one page each; at most ${SHEETS_MAX}.`,
      status: 200,
      text: PRINTABLE,
      query: sheetsQuery,
      reply: z.string(),
      handle: async ({ query, type, ...call }) => {
        const { visit, ...filter } = query;
        const ids = visit === undefined ? await idsOfRoute(database, filter) : [visit].flat();
        const sheets: Sheet[] = [];
        for (const id of ids) sheets.push(runSheet(await readRunSheet(database, id, readerOf(call))));
        return render(sheets, type);
      },
    }),
    route({
      id: 'getBreakGlass',
      method: 'GET',
      path: '/api/v1/hosts/{id}/break-glass',
      permission: 'host.read',
      summary: 'The page for a Mac that does not start any more. It lies on the Mac too, beside the visit kit.',
      status: 200,
      text: PRINTABLE,
      params: idParams,
      reply: z.string(),
      handle: async ({ params, now, type, request }) => {
        const { host, facts, factsAt } = await readHost(database, params.id);
        const seen = factsAt === null ? 'never read' : `read ${factsAt.toISOString()}`;
        const source = `Printed ${now.toISOString()} from facts ${seen}.`;
        const page = breakGlass({ name: host.name, facts, source });
        return render([{ ...page, link: hostPage(publicUrlOf(request), host.id) }], type);
      },
    }),
  ];
}

/** A route that does not fit is refused: pages that are missing are missed only at the Mac. */
async function idsOfRoute(database: Database, filter: z.output<typeof visitRouteQuery>): Promise<readonly string[]> {
  const { stops } = await visitRoute(database, filter);
  const ids = stops.flatMap(({ visits }) => visits.map(({ id }) => id));
  if (ids.length > SHEETS_MAX)
    throw new Problem(
      'CONFLICT',
      `${ids.length} visits or more wait, and at most ${SHEETS_MAX} are printed at once: narrow them by owner, location, kind or dueBefore.`,
    );
  return ids;
}

function render(sheets: readonly Sheet[], type: string | null): string {
  return type === HTML ? sheetsHtml(sheets) : sheets.map(sheetText).join('\f');
}

function mayOpen({ permissions }: Actor): boolean {
  return permissions.includes('visit.open');
}

/** As the reader dialled it; a Host header that is none is not printed. */
function apiUrlOf(request: IncomingMessage): string {
  const { host = '' } = request.headers;
  const scheme = 'encrypted' in request.socket ? 'https' : 'http';
  return /^[\w.:[\]-]{1,120}$/.test(host) ? `${scheme}://${host}` : '';
}
