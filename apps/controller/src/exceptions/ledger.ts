/** The risk ledger: who allowed which Mac to run lowered, why, until when, under which grant, and what the evidence says now. */
import { z } from 'zod';
import { isoDate } from '../api/paging.ts';
import type { Database } from '../db/database.ts';
import { EXCEPTION_STATES, exceptionState } from './exception-view.ts';
import { LEDGER, LOWERINGS } from './ledger-sql.ts';

export const ledgerRow = z.object({
  exceptionId: z.uuid(),
  state: z.enum(EXCEPTION_STATES),
  policy: z.string(),
  revision: z.number().int(),
  purpose: z.string(),
  reason: z.string(),
  clauseVersion: z.string(),
  shownTextSha256: z.string(),
  approvals: z.string(),
  requestedBy: z.string().nullable(),
  approver: z.string(),
  approvedAt: isoDate.nullable(),
  expiresAt: isoDate,
  revokedAt: isoDate.nullable(),
  revokedBy: z.string().nullable(),
  grantId: z.uuid().nullable(),
  quotaMax: z.number().int().nullable(),
  extraArgs: z.string().nullable().describe('Parted by blanks.'),
  hostUuid: z.string().nullable(),
  hostId: z.uuid().nullable(),
  host: z.string().nullable(),
  hostState: z.string().nullable(),
  evidenceHolds: z.number().int().describe('Pieces of evidence of a raise that hold now.'),
  evidencePieces: z.number().int(),
  evidenceAt: isoDate.nullable(),
  lowerings: z.number().int().describe('Lowering steps that were done on this Mac under this grant.'),
  lastLoweringAt: isoDate.nullable(),
});
export type LedgerRow = z.input<typeof ledgerRow>;

type Stored = Omit<LedgerRow, 'state' | Times> & { readonly [K in Times]: Date | null } & {
  readonly awaitsApproval: boolean;
  readonly createdAt: Date;
};
type Times = 'approvedAt' | 'expiresAt' | 'revokedAt' | 'evidenceAt' | 'lastLoweringAt';

export async function readLedger({ prisma }: Pick<Database, 'prisma'>, now: Date): Promise<readonly LedgerRow[]> {
  const rows = await prisma.$queryRawUnsafe<Stored[]>(LEDGER);
  const iso = (time: Date | null) => time?.toISOString() ?? null;
  return rows.map(
    ({ awaitsApproval, createdAt, approvedAt, expiresAt, revokedAt, evidenceAt, lastLoweringAt, ...row }) => ({
      ...row,
      state: exceptionState({ createdAt, awaitsApproval, revokedAt, expiresAt: expiresAt ?? now }, now),
      approvedAt: iso(approvedAt),
      expiresAt: (expiresAt ?? now).toISOString(),
      revokedAt: iso(revokedAt),
      evidenceAt: iso(evidenceAt),
      lastLoweringAt: iso(lastLoweringAt),
    }),
  );
}

export interface Lowering {
  readonly jobId: string;
  readonly hostId: string;
  readonly kind: string;
  readonly grantId: string | null;
  /** The grant exists, names this Mac, and had neither ended nor been revoked when the step was handed out. */
  readonly traced: boolean;
}

/** Every lowering step that an agent was ever given, with the one grant that its plan carried. */
export function readLowerings({ prisma }: Pick<Database, 'prisma'>): Promise<readonly Lowering[]> {
  return prisma.$queryRawUnsafe<Lowering[]>(LOWERINGS);
}

/** RFC 4180. Cells that a spreadsheet would run as a formula are marked as text. */
export function toCsv(rows: readonly LedgerRow[]): string {
  const names = Object.keys(ledgerRow.shape) as (keyof LedgerRow)[];
  const lines = rows.map((row) => names.map((name) => cell(row[name])).join(','));
  return `${[names.join(','), ...lines].join('\r\n')}\r\n`;
}

function cell(value: string | number | null | undefined): string {
  const text = value == null ? '' : String(value);
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
