/**
 * The order of locks: whoever changes several of these takes them from top to bottom, so that no two ever wait for each other in a circle.
 *
 * 1. standing (below): alone by whoever makes rollouts or lets one take Macs from others, shared by whoever moves one rollout;
 * 2. `risk_exception`, one;
 * 3. `rollout`, one: the one that is moved;
 * 4. `host_state`, then `host_report`, by host; many of them by `markDue` or `LOCK_STATES`;
 * 5. `host`, by host;
 * 6. `job`, then `plan`, `visit`: of hosts whose states are held;
 * 7. `rollout_target`, by host and rollout, by one statement for all that the transaction changes (`LOCK_LIVE`);
 * 8. `intent`, of hosts whose states are held; then what is only added: audit, timeline, deliveries.
 *
 * By itself: `webhook_delivery` (`LOCK_DELIVERIES`), then its `webhook`.
 *
 * Who holds standing alone may lock other rollouts last: nobody else moves one meanwhile.
 */
import { InTurn } from '../common/in-turn.ts';
import { Problem } from '../common/problem.ts';
import { CHANGE_MS_MAX, type Database, type Tx, WORK_MS } from './database.ts';

/** Changes of this process wait here for each other, without a connection in their hands; what they wait comes off the time of their work. */
const turns = new WeakMap<Database, InTurn>();
/** With less time left than this, a change is not begun. */
const LEFT_MS_MIN = 3_000;

/** Changes who holds which host, or what rollouts there are for it: one such change at a time, so that two policies can't both win a Mac. */
export function changeStanding<T>(database: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  const askedAt = performance.now();
  return turnsOf(database).run('standing', async () => {
    const left = Math.floor(WORK_MS - (performance.now() - askedAt));
    if (left < LEFT_MS_MIN)
      throw new Problem('NOT_READY', 'Other changes of policies and rollouts came first, and took too long.');
    return database.transaction(async (tx) => {
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('policy standing', 3))`;
      return work(tx);
    }, left);
  });
}

function turnsOf(database: Database): InTurn {
  // One whose connection fell silent may never end: it holds nobody up here for longer than a change may take.
  const known = turns.get(database) ?? new InTurn(CHANGE_MS_MAX);
  turns.set(database, known);
  return known;
}

/** Changes one rollout, while nobody changes standing; others move beside it. */
export function keepStanding<T>(database: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  return database.transaction(async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock_shared(hashtextextended('policy standing', 3))`;
    return work(tx);
  });
}
