/**
 * The oldest Postgres that we support, under what has the most SQL of its own: a Mac's whole way over the API, filters, rollouts and
 * webhooks are tested there once more, by the same tests. HEADROOM_TEST_POSTGRES=15 runs any others on it.
 */
import { describe, expect, it } from 'vitest';
import { POSTGRES_VERSIONS, withDatabase } from '../support/postgres.ts';

const AGAIN = ['../api/raise', '../policies/filter', '../policies/rollout', '../webhooks/webhooks'] as const;
const [, fifteen] = POSTGRES_VERSIONS;

if (fifteen.binaries === null) it.skip(`on ${fifteen.name}: ${AGAIN.join(', ')}`);
else {
  process.env['HEADROOM_TEST_POSTGRES'] = fifteen.major;

  it('these tests are on the version that they say', async () => {
    await withDatabase(async ({ database }) => {
      const [row] = await database.look<{ server_version: string }>('SHOW server_version');
      expect(row?.server_version.split('.')[0]).toBe(fifteen.major);
    });
  });

  for (const file of AGAIN)
    describe(file.slice(3), async () => {
      await import(`${file}.test.ts`);
    });
}
