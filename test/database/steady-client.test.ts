/** The last words of a Postgres that dies must not end the controller, whoever listens to the connection. */
import pg from 'pg';
import { expect, it } from 'vitest';
import { SteadyClient } from '../../apps/controller/src/db/steady-client.ts';
import { withDatabase } from '../support/postgres.ts';
import { query } from '../support/query.ts';

const KILL = 'SELECT pg_terminate_backend($1)';

it('a connection that its pool let go of says its last words to nobody', () =>
  withDatabase(async ({ connection }) => {
    const pool = new pg.Pool({ ...connection, Client: SteadyClient });
    const client = await pool.connect();
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    // What BullMQ does with the connection it listens on, before it gives it back.
    client.removeAllListeners();
    const lastWords: string[] = [];
    const said = new Promise<void>((resolve) => client.once('end', resolve));
    const { emit } = client;
    client.emit = (event: string | symbol, ...args: unknown[]) => {
      if (event === 'error') lastWords.push(String(args[0]));
      return emit.call(client, event, ...args);
    };
    await query(connection, KILL, [rows[0]?.pid]);
    await said;
    client.release(true);
    await pool.end();
    expect(lastWords.join()).toContain('terminating connection');
  }));
