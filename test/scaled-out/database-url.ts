import type { PostgresAddress } from '../../apps/controller/src/db/postgres/embedded.ts';

/** The embedded Postgres of a test as `DATABASE_URL` would name it. */
export function urlOf({ host, port, user, database }: PostgresAddress): string {
  return `postgresql://${user}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`;
}
