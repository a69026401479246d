/**
 * Keeps history by month: the months that rows will fall into are made ahead, months past their retention are dropped whole.
 * What falls outside of any month lands in the DEFAULT partition, so that no row is ever refused, and moves to its month here.
 */
import { Daily } from '../common/daily.ts';
import { logger } from '../common/log.ts';
import type { ControllerConfig } from '../config/config.ts';
import { type Database, writeAudit } from '../db/database.ts';
import { eachApart } from '../db/each-apart.ts';
import { type Month, monthInName, monthOf, nameOf, startOf } from './month.ts';

const log = logger('history');

export type HistoryRetention = Pick<ControllerConfig, 'auditDays' | 'eventDays'>;

export const HISTORY_TABLES = ['audit', 'host_event'] as const;
type HistoryTable = (typeof HISTORY_TABLES)[number];

const DAYS = { audit: 'auditDays', host_event: 'eventDays' } as const satisfies Record<
  HistoryTable,
  keyof HistoryRetention
>;

export const MONTHS_AHEAD = 2;
const DAY_MS = 86_400_000;
/** Changing partitions waits for open transactions and makes later ones wait: give up early and come again. */
const LOCK_TIMEOUT = `SET LOCAL lock_timeout = '2s'`;

export interface KeptHistory {
  readonly made: readonly string[];
  readonly dropped: readonly string[];
}

export class HistoryKeeper {
  private readonly making = new Daily();
  private readonly dropping = new Daily();

  constructor(
    private readonly database: Database,
    private readonly retention: HistoryRetention,
  ) {}

  /** For the plain timer. Months are made at once after a start and then once a day; they are dropped only while the clock is trusted. */
  async daily(now: Date, mayDrop: boolean): Promise<void> {
    await this.making.run(now, async () => {
      const made = await this.make(now);
      if (made.length > 0) log(`months made: ${made.join(', ')}`);
    });
    if (!mayDrop) return;
    await this.dropping.run(now, async () => {
      const dropped = await this.drop(now);
      if (dropped.length > 0) log(`months past their retention dropped: ${dropped.join(', ')}`);
    });
  }

  /** May be repeated, and run by several controllers at once: the later one finds nothing left to do. */
  async keep(now: Date): Promise<KeptHistory> {
    return { made: await this.make(now), dropped: await this.drop(now) };
  }

  /** One that can't be made, as more rows have to be moved into it than there is time for, holds up no other. */
  private async make(now: Date): Promise<readonly string[]> {
    const made: string[] = [];
    for (const table of HISTORY_TABLES) {
      const name = (month: Month) => `${table}_${nameOf(month)}`;
      await eachApart(await this.monthsToMake(table, this.keptFrom(table, now), now), name, async (month) => {
        if (await this.makeMonth(table, month)) made.push(name(month));
      });
    }
    return made.sort();
  }

  private async drop(now: Date): Promise<readonly string[]> {
    const dropped: string[] = [];
    for (const table of HISTORY_TABLES) {
      const keptFrom = this.keptFrom(table, now);
      for (const month of await this.monthsOf(table))
        if (startOf(month + 1) <= keptFrom && (await this.dropMonth(table, month, now)))
          dropped.push(`${table}_${nameOf(month)}`);
      await this.dropStrays(table, startOf(monthOf(keptFrom)), now);
    }
    return dropped;
  }

  private keptFrom(table: HistoryTable, now: Date): Date {
    return new Date(now.getTime() - this.retention[DAYS[table]] * DAY_MS);
  }

  /** This month, those ahead, then the months of rows that landed in DEFAULT; without those that exist or are too old. */
  private async monthsToMake(table: HistoryTable, keptFrom: Date, now: Date): Promise<readonly Month[]> {
    const [first, last] = [monthOf(keptFrom), monthOf(now) + MONTHS_AHEAD];
    const { rows } = await this.database.pool.query<{ start: Date }>(
      `SELECT DISTINCT date_trunc('month', at, 'UTC') AS start FROM ${table}_default WHERE at >= $1 AND at < $2`,
      [startOf(first), startOf(last + 1)],
    );
    const ahead = Array.from({ length: MONTHS_AHEAD + 1 }, (_, index) => monthOf(now) + index);
    const wanted = new Set([...ahead, ...rows.map(({ start }) => monthOf(start))]);
    const existing = new Set(await this.monthsOf(table));
    return [...wanted].filter((month) => !existing.has(month));
  }

  private async monthsOf(table: HistoryTable): Promise<readonly Month[]> {
    const { rows } = await this.database.pool.query<{ name: string }>(PARTITIONS, [table]);
    return rows.map(({ name }) => monthInName(table, name)).filter((month) => month !== null);
  }

  /**
   * Makes the month beside the table and attaches it, which lets others read and write meanwhile. Only DEFAULT is locked: rows of
   * this month that land there are moved, and none may be added before the month takes them.
   */
  private makeMonth(table: HistoryTable, month: Month): Promise<boolean> {
    const name = `${table}_${nameOf(month)}`;
    const [from, to] = [startOf(month).toISOString(), startOf(month + 1).toISOString()];
    return this.database.hotTransaction(async (client) => {
      await client.query(ALONE);
      if ((await client.query(EXISTS, [name])).rows.length > 0) return false;
      await client.query(`
        LOCK TABLE ${table}_default IN ACCESS EXCLUSIVE MODE;
        CREATE TABLE ${name} (LIKE ${table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES);
        WITH moved AS (DELETE FROM ${table}_default WHERE at >= '${from}' AND at < '${to}' RETURNING *)
          INSERT INTO ${name} SELECT * FROM moved;
        ALTER TABLE ${table} ATTACH PARTITION ${name} FOR VALUES FROM ('${from}') TO ('${to}')`);
      return true;
    });
  }

  /** What is too old and has no month. */
  private async dropStrays(table: HistoryTable, before: Date, at: Date): Promise<void> {
    const { database, retention } = this;
    const strays = `FROM ${table}_default WHERE at < $1`;
    if ((await database.look(`SELECT 1 ${strays} LIMIT 1`, before)).length === 0) return;
    await database.transaction(async (tx) => {
      const rows = await tx.$executeRawUnsafe(`DELETE ${strays}`, before);
      if (rows === 0) return;
      const after = { rows, retentionDays: retention[DAYS[table]] };
      const what = { actor: 'system:history', action: 'history.drop', entity: 'history', entityId: `${table}_default` };
      await writeAudit(tx, { ...what, after, at, siteId: database.siteId });
    });
  }

  private dropMonth(table: HistoryTable, month: Month, at: Date): Promise<boolean> {
    const name = `${table}_${nameOf(month)}`;
    const { siteId } = this.database;
    const after = { retentionDays: this.retention[DAYS[table]] };
    const what = { actor: 'system:history', action: 'history.drop', entity: 'history', entityId: name, after };
    return this.database.transaction(async (tx) => {
      await tx.$executeRawUnsafe(LOCK_TIMEOUT);
      await tx.$executeRawUnsafe(ONE_AT_A_TIME);
      if ((await tx.$queryRawUnsafe<unknown[]>(EXISTS, name)).length === 0) return false;
      await tx.$executeRawUnsafe(`DROP TABLE ${name}`);
      await writeAudit(tx, { ...what, at, siteId });
      return true;
    });
  }
}

const EXISTS = 'SELECT 1 WHERE to_regclass($1) IS NOT NULL';

/** Ends with the transaction. The number is ours by habit: nothing else of the controller takes it. */
const ONE_AT_A_TIME = 'SELECT pg_advisory_xact_lock(4840201)';
const ALONE = `${LOCK_TIMEOUT}; ${ONE_AT_A_TIME}`;

/** $1 table. */
const PARTITIONS = `
  SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent = to_regclass($1)`;
