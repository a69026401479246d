import { PrismaPg } from '@prisma/adapter-pg';
import type pg from 'pg';
import { uuidv7 } from '../common/ids.ts';
import type { Prisma } from './generated/client.ts';
import { PrismaClient } from './generated/client.ts';
import { undone } from './undone.ts';

/** What a store works with: the client itself or an open transaction. */
export type Tx = Prisma.TransactionClient;

/** How long a transaction waits for its connection, and how long it may take then. */
const WAIT_MS = 10_000;
export const WORK_MS = 15_000;
/** So long after it was asked for, a change is committed or never will be. */
export const CHANGE_MS_MAX = WAIT_MS + WORK_MS;

/**
 * The one door to Postgres. Every change goes through `transaction`, together with its audit row. Prisma is woken by its first use,
 * and weighs more than all else: what a start or the plain timer asks when there is nothing to do goes through `look`.
 */
export class Database {
  private client: PrismaClient | null = null;

  constructor(
    readonly pool: pg.Pool,
    /** The fleet and site of this instance: every row carries the site. */
    readonly fleetId: string,
    readonly siteId: string,
  ) {}

  get prisma(): PrismaClient {
    this.client ??= new PrismaClient({ adapter: new PrismaPg(this.pool) });
    return this.client;
  }

  /** One statement through pg alone. */
  async look<Row extends pg.QueryResultRow>(sql: string, ...values: readonly unknown[]): Promise<readonly Row[]> {
    return (await this.pool.query<Row>(sql, [...values])).rows;
  }

  /**
   * Runs `work` in one transaction (READ COMMITTED, at most 15 s, or less). Publish wake-ups only after it has returned. An error of the
   * work is marked `undone`. Who locks rows keeps to lock-order.ts.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>, timeout = WORK_MS): Promise<T> {
    const marking = (tx: Tx) =>
      work(tx).catch((error: unknown) => {
        throw undone(error);
      });
    return this.prisma.$transaction(marking, { timeout, maxWait: WAIT_MS });
  }

  /**
   * The same through pg alone, for the few statements that every agent's call runs: no layer between, no query per row. Waits for
   * a row at most 10 s. An error from before the commit is marked `undone`.
   */
  async hotTransaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    let isCommitSent = false;
    const onError = (error: Error) => {
      broken = error;
    };
    client.on('error', onError);
    try {
      await client.query("BEGIN; SET LOCAL lock_timeout = '10s'");
      const result = await work(client);
      isCommitSent = true;
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch(onError);
      throw isCommitSent ? error : undone(error);
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }

  async close(): Promise<void> {
    await this.client?.$disconnect();
    await this.pool.end();
  }
}

export interface AuditEntry {
  /** `token:<name>`, `host:<id>` or `system:<part>`. */
  readonly actor: string;
  /** e.g. `policy.apply`, `visit.open`. */
  readonly action: string;
  readonly entity: string;
  readonly entityId: string;
  readonly before?: Prisma.InputJsonValue | null;
  readonly after?: Prisma.InputJsonValue | null;
  readonly at: Date;
  readonly siteId: string;
}

/** Writes the audit row of a change, in the change's own transaction. */
export async function writeAudit(tx: Tx, entry: AuditEntry): Promise<void> {
  const { before, after, ...rest } = entry;
  await tx.audit.create({
    data: {
      id: uuidv7(entry.at.getTime()),
      ...rest,
      ...(before != null && { before }),
      ...(after != null && { after }),
    },
  });
}
