/** The risk ledger: who allowed which Mac to run lowered, why, until when, under which grant, and what the evidence says now. */
import type { EvidencePiece } from '@headroom/core';
import { z } from 'zod';
import { isoDate } from '../api/paging.ts';
import type { Database } from '../db/database.ts';
import { EXCEPTION_STATES, exceptionState } from './exception-view.ts';
import { LEDGER_PAGE, LOWERINGS } from './ledger-sql.ts';

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
  commonMaker: z.string().nullable().describe('The token that made those of the request and of the approval.'),
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
  evidence: z
    .array(z.object({ id: z.string(), holds: z.boolean().nullable(), seen: z.string() }))
    .describe('As it was evaluated. `holds` null = a fact could not be read, which proves nothing.'),
  evidenceAt: isoDate.nullable(),
  lowerings: z.number().int().describe('Lowering steps that were done on this Mac under this grant.'),
  lastLoweringAt: isoDate.nullable(),
});
export type LedgerRow = z.input<typeof ledgerRow>;

type Stored = Omit<LedgerRow, 'state' | Times | 'evidence' | 'evidenceHolds' | 'evidencePieces'> & {
  readonly [K in Times]: Date | null;
} & {
  readonly awaitsApproval: boolean;
  readonly createdAt: Date;
  readonly keyRetiredAt: Date | null;
  readonly evidence: readonly EvidencePiece[];
};
type Times = 'approvedAt' | 'expiresAt' | 'revokedAt' | 'evidenceAt' | 'lastLoweringAt';

/** The Mac, in an exception and one of its grants, after which a page starts. */
export interface LedgerPlace {
  readonly exceptionId: string;
  readonly hostUuid: string;
  readonly grantId: string;
}

/** The next rows, by exception and Mac. */
export async function readLedgerPage(
  { prisma }: Pick<Database, 'prisma'>,
  after: LedgerPlace | null,
  limit: number,
  now: Date,
): Promise<readonly LedgerRow[]> {
  const values = [after?.exceptionId ?? null, after?.hostUuid ?? null, limit, after?.grantId ?? null];
  return (await prisma.$queryRawUnsafe<Stored[]>(LEDGER_PAGE, ...values)).map((row) => show(row, now));
}

export function placeOf({ exceptionId, hostUuid, grantId }: LedgerRow): LedgerPlace {
  return { exceptionId, hostUuid: hostUuid ?? '', grantId: grantId ?? '' };
}

function show({ awaitsApproval, createdAt, keyRetiredAt, evidence, ...row }: Stored, now: Date): LedgerRow {
  const iso = (time: Date | null) => time?.toISOString() ?? null;
  const expiresAt = row.expiresAt ?? now;
  return {
    ...row,
    state: exceptionState({ createdAt, awaitsApproval, revokedAt: row.revokedAt, keyRetiredAt, expiresAt }, now),
    approvedAt: iso(row.approvedAt),
    expiresAt: expiresAt.toISOString(),
    revokedAt: iso(row.revokedAt),
    evidenceHolds: evidence.filter(({ holds }) => holds === true).length,
    evidencePieces: evidence.length,
    evidence: evidence.map(({ id, holds, seen }) => ({ id, holds, seen })),
    evidenceAt: iso(row.evidenceAt),
    lastLoweringAt: iso(row.lastLoweringAt),
  };
}

export interface Lowering {
  readonly jobId: string;
  readonly hostId: string;
  readonly kind: string;
  readonly grantId: string | null;
  /** The grant exists, names this Mac, and had neither ended nor been revoked when the step was handed out. */
  readonly traced: boolean;
}

/** Every lowering step that an agent was given, with the one grant that its plan carried; of old tries that failed, the last (data/ended-work-sql.ts). */
export function readLowerings({ prisma }: Pick<Database, 'prisma'>): Promise<readonly Lowering[]> {
  return prisma.$queryRawUnsafe<Lowering[]>(LOWERINGS);
}

const COLUMNS = Object.keys(ledgerRow.shape) as (keyof LedgerRow)[];
/** Rows read at once for the CSV. */
const CSV_PAGE = 500;

/** RFC 4180, a page of rows at a time. Cells that a spreadsheet would run as a formula are marked as text. */
export async function* ledgerCsv(
  database: Pick<Database, 'prisma'>,
  now: Date,
  rowsAtOnce = CSV_PAGE,
): AsyncGenerator<string> {
  yield `${COLUMNS.join(',')}\r\n`;
  let after: LedgerPlace | null = null;
  do {
    const rows: readonly LedgerRow[] = await readLedgerPage(database, after, rowsAtOnce, now);
    yield rows.map((row) => `${COLUMNS.map((name) => cell(row[name])).join(',')}\r\n`).join('');
    const last: LedgerRow | undefined = rows.length < rowsAtOnce ? undefined : rows.at(-1);
    after = last === undefined ? null : placeOf(last);
  } while (after !== null);
}

function cell(value: LedgerRow[keyof LedgerRow]): string {
  const text = value == null ? '' : typeof value === 'object' ? evidenceText(value) : String(value);
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function evidenceText(pieces: LedgerRow['evidence']): string {
  return pieces
    .map(({ id, holds, seen }) => `${id}: ${holds === null ? 'unknown' : holds ? 'holds' : 'does not hold'} (${seen})`)
    .join('; ');
}
