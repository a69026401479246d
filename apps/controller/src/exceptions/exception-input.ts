import { isForbiddenArg, parseBootArgs } from '@headroom/core';
import { z } from 'zod';
import { Problem } from '../common/problem.ts';
import { LICENCE_CLAUSE } from './licence-clause.ts';

const EXPIRY_DAYS_DEFAULT = 90;
const EXPIRY_DAYS_MAX = 365;
/** Above it the request is asked again: a Mac runs out of memory long before, and a slip of the hand looks just so. */
const QUOTA_ASKED_AGAIN = 16;

export const exceptionInput = z.strictObject({
  purpose: z.string().trim().min(3).max(500).describe('What the additional guests are for.'),
  reason: z.string().trim().min(3).max(2000).describe('Why the risk is accepted.'),
  acceptClause: z
    .string()
    .max(40)
    .describe('Version of the licence clause that was shown: see /api/v1/licence-clause.'),
  approvals: z
    .enum(['self', 'four-eyes'])
    .default('self')
    .describe('four-eyes = another token approves before any grant is made; the ledger shows which it was.'),
  confirmHighQuota: z
    .boolean()
    .default(false)
    .describe(`Must be true for a quota above ${QUOTA_ASKED_AGAIN}: say it twice.`),
  keepArgs: z
    .array(
      z
        .string()
        .max(200)
        .regex(/^[^\s]+$/, 'one argument each, without blanks'),
    )
    .max(16)
    .default([])
    .describe('Boot arguments of others, stored on these Macs already, that may stay.'),
  expiresInDays: z.number().default(EXPIRY_DAYS_DEFAULT).describe('1 to 365, from the approval.'),
});
export type ExceptionInput = z.output<typeof exceptionInput>;

/** Whoever asks, and whoever approves, says it twice. */
export function confirmQuota(quota: number, isConfirmed: boolean): void {
  if (quota <= QUOTA_ASKED_AGAIN || isConfirmed) return;
  throw new Problem(
    'QUOTA_HIGH_UNCONFIRMED',
    `The quota is ${quota}; above ${QUOTA_ASKED_AGAIN} it is asked again whether that many guests are meant.`,
    { quota },
  );
}

/** Refuses what can't stand, before anything is written. */
export function checkException(input: ExceptionInput, quota: number): void {
  const { acceptClause, expiresInDays, keepArgs, confirmHighQuota } = input;
  if (acceptClause !== LICENCE_CLAUSE.version)
    throw new Problem(
      'EXCEPTION_CLAUSE_NOT_ACCEPTED',
      `Accepted: ${JSON.stringify(acceptClause)}. The clause shown now is version ${JSON.stringify(LICENCE_CLAUSE.version)}.`,
      { clauseVersion: LICENCE_CLAUSE.version },
    );
  if (!Number.isInteger(expiresInDays) || expiresInDays < 1 || expiresInDays > EXPIRY_DAYS_MAX)
    throw new Problem('EXPIRY_OUT_OF_RANGE', `expiresInDays is ${expiresInDays}; allowed: 1 to ${EXPIRY_DAYS_MAX}.`);
  confirmQuota(quota, confirmHighQuota);
  const words = keepArgs.filter((word) => parseBootArgs(word).some(({ key }) => isForbiddenArg(key)));
  if (words.length > 0)
    throw new Problem('BOOT_ARGS_FORBIDDEN', `No exception can allow: ${words.join(' ')}.`, { words });
}
