/** A Postgres that nothing is heard from, as behind a firewall that drops packets: each wait has an end that says what to do. */
import { createServer, type Server, type Socket } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Database } from '../../apps/controller/src/db/database.ts';
import { problemOf } from '../../apps/controller/src/db/problem-of.ts';
import { PooledClient } from '../../apps/controller/src/db/steady-client.ts';
import { withClient } from '../../apps/controller/src/db/with-client.ts';
import { FleetLock } from '../../apps/controller/src/process/fleet-lock.ts';
import { openTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { waitFor } from '../support/wait-for.ts';

const WAIT_MS = 60_000;
const NO_ID = '00000000-0000-7000-8000-000000000000';

/** Takes connections and never says a word. */
let silent: Server;
let port: number;
let db: TestDatabase;
let proxy: TcpProxy;
const sockets: Socket[] = [];

beforeAll(async () => {
  silent = createServer((socket) => void sockets.push(socket.on('error', () => {})));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  port = (silent.address() as { port: number }).port;
  db = await openTestDatabase();
  const { host } = db.connection as { host: string };
  proxy = await TcpProxy.start([{ path: `${host}/.s.PGSQL.5432` }]);
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  silent.close();
  await proxy?.stop();
  await db?.stop();
});

const said = () => new RegExp(`Postgres at 127.0.0.1:${port} does not answer. Check that .* DATABASE_URL`);

it('a controller that starts ends with what to do', { timeout: WAIT_MS }, async () => {
  const start = FleetLock.take(`postgresql://headroom@127.0.0.1:${port}/headroom`, 'alone', () => {});
  await expect(start).rejects.toMatchObject({ code: 'NOT_READY', detail: expect.stringMatching(said()) });
});

it('a connection of its own, and one of a pool', { timeout: WAIT_MS }, async () => {
  const address = { host: '127.0.0.1', port, user: 'headroom', connectionTimeoutMillis: 200 };
  await expect(withClient(address, async () => {})).rejects.toThrow(said());
  const { connectionTimeoutMillis, ...rest } = address;
  class Hasty extends PooledClient {
    constructor(config: pg.ClientConfig = {}) {
      super({ ...config, connectionTimeoutMillis });
    }
  }
  const pool = new pg.Pool({ ...rest, Client: Hasty });
  const database = new Database(pool, NO_ID, NO_ID);
  await expect(pool.query('SELECT 1')).rejects.toThrow(said());
  const failed = await database.prisma.site.findFirst().catch((error: unknown) => error);
  expect(problemOf(failed)?.code).toBe('NOT_READY');
  await database.close();
});

it('a statement under way when the network goes; the next one has a new connection', { timeout: WAIT_MS }, async () => {
  class Hasty extends PooledClient {
    protected override readonly silenceMs = 1_000;
  }
  const address = { host: '127.0.0.1', port: proxy.port, user: 'headroom', database: 'postgres' };
  const pool = new pg.Pool({ ...address, max: 1, Client: Hasty });
  pool.on('error', () => {});
  await pool.query('SELECT 1');
  const stuck = pool.query('SELECT pg_sleep(300)');
  await expect(stuck).rejects.toMatchObject({ code: 'NOT_READY' });
  await waitFor(async () => expect((await pool.query('SELECT 1')).rowCount).toBe(1), WAIT_MS);
  await pool.end();
});
