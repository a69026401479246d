/**
 * A repeat of a POST with the same Idempotency-Key gets the answer of the first one and does nothing. Kept per token, route and
 * key for a day. Guarantee: never done twice. When a first try was cut off, its outcome is not guessed: the repeat is told so.
 */
import { createHash } from 'node:crypto';
import { describeError, type ErrorCode } from '@headroom/core';
import { toJson } from '../audit/json.ts';
import { invalid } from '../common/field-errors.ts';
import { Problem } from '../common/problem.ts';
import type { Database } from '../db/database.ts';
import { problemOf } from '../db/problem-of.ts';
import { isKnownUndone } from '../db/undone.ts';
import type { Answer } from './reply.ts';
import type { Route } from './route.ts';

const KEPT_MS = 24 * 3_600_000;
const KEY = /^[\x21-\x7e]{1,128}$/;

export interface KeyedRequest {
  readonly row: Pick<Route, 'id' | 'repeat'>;
  readonly tokenId: string;
  readonly key: string;
  /** Path with query, and body: what must be equal in a repeat. */
  readonly content: readonly [path: string, body: unknown];
  readonly now: Date;
}

interface KeptRow {
  readonly requestSha256: string;
  readonly status: number | null;
  readonly answer: KeptAnswer | null;
}

type KeptAnswer =
  | { readonly reply: unknown; readonly etag: string | null }
  | {
      readonly problem: { readonly code: ErrorCode; readonly detail: string; readonly extra: Record<string, unknown> };
    };

/** The header's value; null without one. */
export function readIdempotencyKey(header: string | string[] | undefined): string | null {
  if (header === undefined) return null;
  if (typeof header === 'string' && KEY.test(header)) return header;
  throw invalid([{ path: 'header.idempotency-key', message: 'expected one value of 1 to 128 printable characters' }]);
}

export class Idempotency {
  constructor(private readonly database: Database) {}

  async once(request: KeyedRequest, work: () => Promise<Answer>): Promise<Answer> {
    if (request.row.repeat === 'again') return work();
    const requestSha256 = createHash('sha256').update(JSON.stringify(request.content)).digest('hex');
    const kept = await this.claim(request, requestSha256);
    if (kept !== null) return repeated(kept, requestSha256);
    try {
      const answer = await work();
      const isSecret = request.row.repeat === 'secret';
      await this.keep(request, answer.status, isSecret ? null : { reply: answer.body, etag: answer.etag });
      return answer;
    } catch (error) {
      if (error instanceof Problem) await this.keepRefusal(request, error);
      // The answer says "try again": nothing was done, and the same key does it then.
      else if (isKnownUndone(error) && problemOf(error) !== null) await this.forget(request);
      throw error;
    }
  }

  /** Forgets what is older than a day. */
  async purge(now: Date): Promise<void> {
    await this.database.pool.query('DELETE FROM idempotency_key WHERE expires_at <= $1', [now]);
  }

  /** null = this request is the first one, and does the work. */
  private async claim({ tokenId, row, key, now }: KeyedRequest, requestSha256: string): Promise<KeptRow | null> {
    const { pool, siteId } = this.database;
    const expiresAt = new Date(now.getTime() + KEPT_MS);
    const { rowCount } = await pool.query(CLAIM, [tokenId, row.id, key, siteId, requestSha256, now, expiresAt]);
    if (rowCount === 1) return null;
    const { rows } = await pool.query<KeptRow>(KEPT, [tokenId, row.id, key]);
    return rows[0] ?? { requestSha256, status: null, answer: null };
  }

  private async keep({ tokenId, row, key }: KeyedRequest, status: number, answer: KeptAnswer | null): Promise<void> {
    const kept = answer === null ? null : JSON.stringify(answer);
    await this.database.pool.query(KEEP, [tokenId, row.id, key, status, kept]);
  }

  /** A refusal that time may cure is no answer to keep; after an error of ours nobody knows what was done. */
  private async keepRefusal(request: KeyedRequest, { code, detail, extra }: Problem): Promise<void> {
    const { retry, httpStatus } = describeError(code);
    if (code === 'INTERNAL') return;
    if (retry !== 'transient')
      return this.keep(request, httpStatus, { problem: { code, detail, extra: toJson(extra) } });
    await this.forget(request);
  }

  private async forget({ tokenId, row, key }: KeyedRequest): Promise<void> {
    await this.database.pool.query(FORGET, [tokenId, row.id, key]);
  }
}

function repeated({ requestSha256, status, answer }: KeptRow, asked: string): Answer {
  if (requestSha256 !== asked)
    throw new Problem('IDEMPOTENCY_KEY_REUSED', 'The path or the body differs from the first request with this key.');
  if (status === null)
    throw new Problem('IDEMPOTENCY_OUTCOME_UNKNOWN', 'The first request with this key has no answer yet.');
  if (answer === null)
    throw new Problem('IDEMPOTENCY_SECRET_SHOWN', `The first request with this key was answered with ${status}.`);
  if ('problem' in answer) throw new Problem(answer.problem.code, answer.problem.detail, answer.problem.extra);
  return { status, body: answer.reply, etag: answer.etag, repeated: true };
}

/** A key that is over a day old may be used anew. */
const CLAIM = `
  INSERT INTO idempotency_key AS k (token_id, route, key, site_id, request_sha256, created_at, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7)
  ON CONFLICT (token_id, route, key) DO UPDATE SET request_sha256 = $5, status = NULL, answer = NULL,
    created_at = $6, expires_at = $7
  WHERE k.expires_at <= $6`;

const KEPT = `
  SELECT request_sha256 AS "requestSha256", status, answer FROM idempotency_key
  WHERE token_id = $1 AND route = $2 AND key = $3`;

const KEEP = `
  UPDATE idempotency_key SET status = $4, answer = $5::jsonb WHERE token_id = $1 AND route = $2 AND key = $3`;

const FORGET = 'DELETE FROM idempotency_key WHERE token_id = $1 AND route = $2 AND key = $3';
