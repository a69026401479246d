import { VISIT_KINDS } from '@headroom/core';
import { z } from 'zod';
import { isoDate } from '../api/paging.ts';

/** A visit as the API shows it; its code is shown by opening it, nowhere else. */
export const visitView = z.object({
  id: z.uuid(),
  hostId: z.uuid(),
  kind: z.enum(VISIT_KINDS),
  state: z.enum(['due', 'open', 'closed', 'withdrawn']),
  reason: z.string(),
  quota: z.number().int().nullable(),
  owner: z.string().nullable(),
  createdAt: isoDate,
  dueAt: isoDate.nullable(),
  openedAt: isoDate.nullable(),
  openedBy: z.string().nullable(),
  closedAt: isoDate.nullable(),
  expiresAt: isoDate.nullable(),
  evidence: z.unknown().describe('What was seen when it ended; null before.'),
});
export type VisitView = z.input<typeof visitView>;

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
  readonly openedAt: Date | null;
  readonly openedBy: string | null;
  readonly closedAt: Date | null;
  readonly expiresAt: Date | null;
  readonly evidence: unknown;
}

export function showVisit(visit: VisitRecord): VisitView {
  return {
    id: visit.id,
    hostId: visit.hostId,
    kind: visit.kind as VisitView['kind'],
    state: visit.state as VisitView['state'],
    reason: visit.reason,
    quota: visit.quota,
    owner: visit.owner,
    createdAt: visit.createdAt.toISOString(),
    dueAt: visit.dueAt?.toISOString() ?? null,
    openedAt: visit.openedAt?.toISOString() ?? null,
    openedBy: visit.openedBy,
    closedAt: visit.closedAt?.toISOString() ?? null,
    expiresAt: visit.expiresAt?.toISOString() ?? null,
    evidence: visit.evidence ?? null,
  };
}
