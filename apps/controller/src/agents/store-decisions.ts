/** Reports of many hosts in one transaction: all are decided, all changes are stored, and the answers are given after the commit. */
import type pg from 'pg';
import type { Clock } from '../common/clock.ts';
import { type CallResult, HELD } from '../db/call-batch.ts';
import type { Database } from '../db/database.ts';
import { type HostChanges, joined, storeChanges } from './host-changes.ts';

/** The answer to a report, and what is stored before it is given. */
export interface Decision<Reply> {
  readonly reply: Reply;
  readonly changes: HostChanges;
}

/** Locks what the calls are about and decides each; see `BatchWork`. */
export type DecideAll<Call, Reply> = (
  client: pg.ClientBase,
  calls: readonly Call[],
  alone: boolean,
) => Promise<readonly CallResult<Decision<Reply>>[]>;

export function storeDecisions<Call, Reply>(
  database: Database,
  clock: Clock,
  calls: readonly Call[],
  alone: boolean,
  decideAll: DecideAll<Call, Reply>,
): Promise<readonly CallResult<Reply>[]> {
  return database.hotTransaction(async (client) => {
    const decisions = await decideAll(client, calls, alone);
    const changes = decisions.flatMap((one) => (isDecision(one) ? [one.reply.changes] : []));
    await storeChanges(client, joined(changes), database.siteId, clock.now());
    return decisions.map((one) => (isDecision(one) ? { reply: one.reply.reply } : one));
  });
}

/** A refusal is this call's own affair. */
export function decided<Reply>(decide: () => Decision<Reply>): CallResult<Decision<Reply>> {
  try {
    return { reply: decide() };
  } catch (error) {
    return { refused: error instanceof Error ? error : new Error(String(error)) };
  }
}

function isDecision<Reply>(one: CallResult<Decision<Reply>>): one is { readonly reply: Decision<Reply> } {
  return one !== HELD && 'reply' in one;
}
