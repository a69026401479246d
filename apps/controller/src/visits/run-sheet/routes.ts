import type { IncomingMessage } from 'node:http';
import { breakGlass, type Sheet, sheetText } from '@headroom/core';
import { z } from 'zod';
import { idParams } from '../../api/paging.ts';
import { type Route, route } from '../../api/route.ts';
import type { Database } from '../../db/database.ts';
import { readHost, readRunSheet } from './read.ts';
import { runSheet } from './run-sheet.ts';
import { sheetHtml } from './sheet-html.ts';

const HTML = 'text/html; charset=utf-8';
const PRINTABLE = [HTML, 'text/plain; charset=utf-8'] as const;

/** Pages for people, to print before something is changed: HTML, or plain text for whoever asks for it by Accept. */
export function sheetRoutes(database: Database): readonly Route[] {
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
      reply: z.string(),
      handle: async ({ params, actor, now, request, type }) => {
        const reader = { mayOpen: actor.permissions.includes('visit.open'), apiUrl: apiUrlOf(request), now };
        return render(runSheet(await readRunSheet(database, params.id, reader)), type);
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
      handle: async ({ params, now, type }) => {
        const { host, facts, factsAt } = await readHost(database, params.id);
        const seen = factsAt === null ? 'never read' : `read ${factsAt.toISOString()}`;
        const source = `Printed ${now.toISOString()} from facts ${seen}.`;
        return render(breakGlass({ name: host.name, facts, source }), type);
      },
    }),
  ];
}

function render(sheet: Sheet, type: string | null): string {
  return type === HTML ? sheetHtml(sheet) : sheetText(sheet);
}

/** As the reader dialled it; a Host header that is none is not printed. */
function apiUrlOf(request: IncomingMessage): string {
  const { host = '' } = request.headers;
  const scheme = 'encrypted' in request.socket ? 'https' : 'http';
  return /^[\w.:[\]-]{1,120}$/.test(host) ? `${scheme}://${host}` : '';
}
