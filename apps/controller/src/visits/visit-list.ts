/** Visits with what their Macs show: a page of them, one, and the route that somebody walks. */
import { VISIT_KINDS } from '@headroom/core';
import { z } from 'zod';
import { askedTime } from '../api/asked.ts';
import { decodeCursor, pageQuery, toPage } from '../api/paging.ts';
import { Problem } from '../common/problem.ts';
import type { Database } from '../db/database.ts';
import { type Asked, equals, filterQuery, listCondition, listedRows } from '../filters/list-filter.ts';
import { VISIT_FIELDS, VISIT_TABLES } from './visit-filter.ts';
import { type ListedRecord, type ListedVisit, showListed, VISIT_STATES } from './visit-view.ts';

/** What narrows a list and a route alike. */
const visitFilter = {
  kind: z.enum(VISIT_KINDS).optional(),
  owner: z.string().min(1).max(100).optional(),
  unassigned: z.literal('true').optional().describe('Only visits without an owner.'),
  location: z.string().min(1).max(60).optional().describe('As kept with the place of the Mac.'),
  dueBefore: askedTime.optional(),
  overdue: z.literal('true').optional().describe('Only visits whose Mac is silent for too long.'),
  filter: filterQuery(VISIT_FIELDS, 'kind==raise;location=in=(Berlin,Wien);dueAt<2026-12-01'),
};
export const visitListQuery = z.object({ ...pageQuery, state: z.enum(VISIT_STATES).optional(), ...visitFilter });
export const visitRouteQuery = z.object(visitFilter);

type VisitFilter = z.output<typeof visitRouteQuery>;

/** Most stops that one person is sent to at once. */
const ROUTE_VISITS_MAX = 200;

const COLUMNS = `v.id::text AS id, v.host_id::text AS "hostId", v.kind, v.state, v.reason, v.quota, v.owner,
    v.created_at AS "createdAt", v.due_at AS "dueAt", v.drain_at AS "drainAt", v.opened_at AS "openedAt",
    v.opened_by AS "openedBy", v.done_at AS "doneAt", v.done_by AS "doneBy", v.overdue_at AS "overdueAt",
    v.closed_at AS "closedAt", v.expires_at AS "expiresAt", v.evidence, h.name AS host, h.serial,
    p.asset_tag AS "assetTag", p.location, p.place, p.place_type AS "placeType", s.presence,
    r.last_seen_at AS "lastSeenAt", r.facts #> '{guests,processesAtMost}' AS "processesAtMost",
    r.facts ->> 'fileVault' AS "fileVault"`;
const ONE_VISIT = `SELECT ${COLUMNS} FROM ${VISIT_TABLES} WHERE v.id = $1::uuid`;

/** Oldest first. */
export async function listVisits(database: Database, query: z.output<typeof visitListQuery>) {
  const { limit, cursor, state, ...filter } = query;
  const rows = await listedRows<ListedRecord>(database, COLUMNS, {
    tables: VISIT_TABLES,
    id: 'v.id',
    fields: VISIT_FIELDS,
    filter: filter.filter,
    asked: [...askedOf(filter), ...equals({ state })],
    order: 'ASC',
    after: decodeCursor(cursor),
    take: limit + 1,
  });
  return toPage(rows, limit, ({ id }) => id, showListed);
}

export async function oneVisit(database: Database, id: string): Promise<ListedVisit> {
  const [row] = await database.look<ListedRecord>(ONE_VISIT, id);
  if (row === undefined) throw new Problem('NOT_FOUND', `There is no visit ${id}.`);
  return showListed(row);
}

export interface RouteStop {
  readonly location: string | null;
  readonly place: string | null;
  readonly visits: ListedVisit[];
}

/** Work that waits, the most urgent of it, in the order in which one walks; `more` = there is more than one person's route. */
export async function visitRoute(
  database: Database,
  filter: VisitFilter,
): Promise<{ readonly stops: RouteStop[]; readonly more: boolean }> {
  const { sql, values } = listCondition(VISIT_FIELDS, filter.filter, askedOf(filter), 1);
  const rows = await database.look<ListedRecord>(
    `SELECT ${COLUMNS} FROM ${VISIT_TABLES} WHERE v.state IN ('due', 'open') AND ${sql}
     ORDER BY v.due_at, v.id LIMIT ${ROUTE_VISITS_MAX + 1}`,
    ...values,
  );
  const visits = rows.slice(0, ROUTE_VISITS_MAX).map(showListed).sort(inWalkingOrder);
  const stops: RouteStop[] = [];
  for (const visit of visits) {
    const last = stops.at(-1);
    if (last !== undefined && isSamePlace(last, visit)) last.visits.push(visit);
    else stops.push({ location: visit.location, place: visit.place, visits: [visit] });
  }
  return { stops, more: rows.length > ROUTE_VISITS_MAX };
}

/** Rack 2 before rack 10. */
const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/** Building by building, place by place; where nobody knows the place, at the end. */
function inWalkingOrder(one: ListedVisit, other: ListedVisit): number {
  return (
    byText(one.location, other.location) ||
    byText(one.place, other.place) ||
    collator.compare(one.host, other.host) ||
    (one.id < other.id ? -1 : 1)
  );
}

/** People write "Rack 2" and "rack 2" for one place. */
function isSamePlace(stop: RouteStop, { location, place }: ListedVisit): boolean {
  return byText(stop.location, location) === 0 && byText(stop.place, place) === 0;
}

function byText(one: string | null, other: string | null): number {
  if (one === null || other === null) return Number(one === null) - Number(other === null);
  return collator.compare(one, other);
}

function askedOf({ dueBefore, filter: _filter, ...sent }: VisitFilter): readonly Asked[] {
  return [...equals(sent), ['dueAt', '=lt=', dueBefore]];
}
