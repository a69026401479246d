import type pg from 'pg';
import { SteadyClient } from './steady-client.ts';

/** Runs `work` on a connection of its own. A broken connection shows as the error of the statement under way. */
export async function withClient<T>(connection: pg.ClientConfig, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new SteadyClient(connection);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
