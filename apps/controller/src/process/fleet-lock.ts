import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { type Closable, KeptOpen, within } from '../common/kept-open.ts';
import { logger } from '../common/log.ts';
import { Problem } from '../common/problem.ts';
import { SteadyClient } from '../db/steady-client.ts';
import { FOREIGN_KEYS, HOLDERS, LOCKS, OUR_LEFTOVERS, TRY_EXCLUSIVE, TRY_SHARED } from './fleet-lock-sql.ts';

const log = logger('controller');
const HEARTBEAT_MS = 10_000;
const SET_UP_WAIT = '60s';

/** alone = one controller, no Redis; together = any number, with Redis. */
export type FleetMode = 'alone' | 'together';

interface Session extends Closable {
  readonly client: pg.Client;
}

interface Keys {
  readonly number: number;
  readonly folder: string;
}

/**
 * Who may work on a database, as Postgres advisory locks on one connection of their own: a controller alone, or any number that
 * have Redis and the same keys. The locks go with the process, however it ends. After a restart of Postgres they are taken again;
 * when somebody else was quicker, `onLost` is told why this controller must end.
 *
 * Needs a direct connection or a pooler in session mode.
 */
export class FleetLock {
  private readonly session: KeptOpen<Session>;
  private readonly name = `headroom-controller ${randomUUID()}`;
  private keys: Keys | null = null;
  private taken = false;

  private constructor(
    private readonly databaseUrl: string,
    private readonly mode: FleetMode,
    private readonly onLost: (reason: string) => void,
  ) {
    this.session = new KeptOpen(
      'the lock on the database',
      'it is taken again when Postgres is back',
      (broken) => this.open(broken),
      log,
    );
  }

  /** Throws NOT_READY with what to do when another controller stands in the way. */
  static async take(databaseUrl: string, mode: FleetMode, onLost: (reason: string) => void): Promise<FleetLock> {
    const lock = new FleetLock(databaseUrl, mode, onLost);
    await lock.session.startOrThrow();
    lock.taken = true;
    return lock;
  }

  /** What one controller at a time may do: making or changing the schema. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    const client = new SteadyClient({ connectionString: this.databaseUrl });
    client.on('error', (error) => log(`while the database is made ready: ${error.message}`));
    await client.connect();
    try {
      await client.query(`SET lock_timeout = '${SET_UP_WAIT}'`);
      await client.query('SELECT pg_advisory_lock($1, 0)', [LOCKS.setUp]);
      return await work();
    } finally {
      await client.end();
    }
  }

  /** Refuses another CA than the one that controllers already here use: Macs of one would be strangers to the other. */
  async agreeOnKeys(caFingerprint: string, folder: string): Promise<void> {
    this.keys = { number: Number.parseInt(caFingerprint.slice(0, 7), 16), folder };
    const { client } = this.session.current ?? { client: null };
    if (client !== null) await lockKeys(client, this.keys);
  }

  release(): Promise<void> {
    return this.session.close();
  }

  private async open(broken: (error: Error) => void): Promise<Session> {
    const client = new SteadyClient({
      connectionString: this.databaseUrl,
      application_name: this.name,
      keepAlive: true,
    });
    client.on('error', broken);
    client.on('end', () => broken(new Error('Postgres closed the connection')));
    try {
      await client.connect();
      await this.lock(client);
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
    const beat = () => within(HEARTBEAT_MS, 'Postgres', client.query('SELECT 1')).catch(broken);
    const heartbeat = setInterval(() => void beat(), HEARTBEAT_MS);
    return {
      client,
      close: () => {
        clearInterval(heartbeat);
        return client.end();
      },
    };
  }

  private async lock(client: pg.Client): Promise<void> {
    // Where the network broke and not Postgres, our own old connection may still hold the lock.
    if (this.taken) await client.query(OUR_LEFTOVERS, [this.name]);
    const { rows } = await client.query<{ taken: boolean }>(this.mode === 'alone' ? TRY_EXCLUSIVE : TRY_SHARED);
    if (rows[0]?.taken !== true) {
      const reason = refusal(this.mode, (await client.query<Holder>(HOLDERS)).rows);
      if (this.taken) this.onLost(reason);
      throw new Problem('NOT_READY', reason);
    }
    if (this.keys !== null) await lockKeys(client, this.keys);
  }
}

async function lockKeys(client: pg.Client, { number, folder }: Keys): Promise<void> {
  await client.query('SELECT pg_advisory_lock_shared($1, $2)', [LOCKS.keys, number]);
  const { rowCount } = await client.query(FOREIGN_KEYS, [number]);
  if ((rowCount ?? 0) > 0)
    throw new Problem(
      'NOT_READY',
      `Another controller of this fleet uses other keys than those in ${folder}. All controllers of a fleet need the same CA and grant key: give them one --keys-dir, or copy the files.`,
    );
}

interface Holder {
  readonly together: boolean;
  readonly from: string | null;
}

function refusal(mode: FleetMode, holders: readonly Holder[]): string {
  const [holder] = holders;
  const who = `Another controller works on this database${holder?.from ? ` (connected from ${holder.from})` : ''}`;
  if (mode === 'together')
    return `${who} without Redis, so it must stay alone. Restart it with the same REDIS_URL as this one first.`;
  if (holder?.together)
    return `${who} together with others through Redis. Give this one the same REDIS_URL and --keys-dir.`;
  return `${who}, and without Redis there can be one only. Stop it, or give all controllers the same REDIS_URL and --keys-dir (docs/scaled-out.md).`;
}
