import {
  clearToShutDown,
  type FileVaultStatus,
  OVERDUE_CAUSES,
  overdueCauses,
  PLACE_TYPES,
  type PlaceType,
  PRESENCES,
  type Presence,
  VISIT_KINDS,
} from '@headroom/core';
import { z } from 'zod';
import { isoDate } from '../api/paging.ts';

export const VISIT_STATES = ['due', 'open', 'closed', 'withdrawn'] as const;

/** A visit as the API shows it; its code is shown by opening it, nowhere else. */
export const visitView = z.object({
  id: z.uuid(),
  hostId: z.uuid(),
  kind: z.enum(VISIT_KINDS),
  state: z.enum(VISIT_STATES),
  reason: z.string(),
  quota: z.number().int().nullable(),
  owner: z.string().nullable(),
  createdAt: isoDate,
  dueAt: isoDate.nullable(),
  drainedSince: isoDate.nullable().describe('Since when its Mac shall take no new guests.'),
  openedAt: isoDate.nullable(),
  openedBy: z.string().nullable(),
  doneAt: isoDate.nullable().describe('When somebody said that the work at the Mac is done. It proves nothing.'),
  doneBy: z.string().nullable(),
  overdueSince: isoDate.nullable().describe('Silent for longer than the visit explains, found at this time.'),
  closedAt: isoDate.nullable(),
  expiresAt: isoDate.nullable(),
  evidence: z.unknown().describe('What was seen when it ended; null before.'),
});
export type VisitView = z.input<typeof visitView>;

/** A visit with what its Mac shows now: what a technician looks at. */
export const listedVisit = visitView.extend({
  host: z.string(),
  serial: z.string().nullable(),
  assetTag: z.string().nullable(),
  location: z.string().nullable(),
  place: z.string().nullable(),
  placeType: z.enum(PLACE_TYPES).nullable(),
  presence: z.enum(PRESENCES),
  guests: z.object({
    processesAtMost: z.number().int().nullable().describe('Guests that run, macOS and Linux alike; null = unknown.'),
    seenAt: isoDate.nullable().describe('When the Mac was last heard of.'),
    clearToShutDown: z
      .boolean()
      .nullable()
      .describe('true = drained, and none runs. Null = unknown, which is not clear.'),
  }),
  overdueCauses: z
    .array(z.object({ id: z.enum(OVERDUE_CAUSES), look: z.string(), act: z.string() }))
    .describe('Where to look, in this order; empty unless overdue.'),
});
export type ListedVisit = z.input<typeof listedVisit>;

export interface VisitRecord {
  readonly id: string;
  readonly hostId: string;
  readonly kind: string;
  readonly state: string;
  readonly reason: string;
  readonly quota: number | null;
  readonly owner: string | null;
  readonly createdAt: Date;
  readonly dueAt: Date | null;
  readonly drainAt: Date | null;
  readonly openedAt: Date | null;
  readonly openedBy: string | null;
  readonly doneAt: Date | null;
  readonly doneBy: string | null;
  readonly overdueAt: Date | null;
  readonly closedAt: Date | null;
  readonly expiresAt: Date | null;
  readonly evidence: unknown;
}

/** What is joined to a visit in a list. */
export interface ListedRecord extends VisitRecord {
  readonly host: string;
  readonly serial: string | null;
  readonly assetTag: string | null;
  readonly location: string | null;
  readonly place: string | null;
  readonly placeType: PlaceType | null;
  readonly presence: Presence | null;
  readonly lastSeenAt: Date | null;
  readonly processesAtMost: number | null;
  readonly fileVault: FileVaultStatus | null;
}

export function showVisit(visit: VisitRecord): VisitView {
  const time = (at: Date | null) => at?.toISOString() ?? null;
  return {
    id: visit.id,
    hostId: visit.hostId,
    kind: visit.kind as VisitView['kind'],
    state: visit.state as VisitView['state'],
    reason: visit.reason,
    quota: visit.quota,
    owner: visit.owner,
    createdAt: visit.createdAt.toISOString(),
    dueAt: time(visit.dueAt),
    drainedSince: time(visit.drainAt),
    openedAt: time(visit.openedAt),
    openedBy: visit.openedBy,
    doneAt: time(visit.doneAt),
    doneBy: visit.doneBy,
    overdueSince: time(visit.overdueAt),
    closedAt: time(visit.closedAt),
    expiresAt: time(visit.expiresAt),
    evidence: visit.evidence ?? null,
  };
}

export function showListed(row: ListedRecord): ListedVisit {
  const { host, serial, assetTag, location, place, placeType, processesAtMost, lastSeenAt } = row;
  const presence = row.presence ?? 'silent';
  const visit = showVisit(row);
  return {
    ...visit,
    ...{ host, serial, assetTag, location, place, placeType, presence },
    guests: {
      processesAtMost,
      seenAt: lastSeenAt?.toISOString() ?? null,
      clearToShutDown: clearToShutDown({ processesAtMost, presence, drainedSince: row.drainAt, lastSeenAt }),
    },
    overdueCauses: row.overdueAt === null ? [] : [...overdueCauses(visit.kind, row.fileVault)],
  };
}
