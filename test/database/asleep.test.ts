/**
 * Prisma weighs more than all else in a controller, from its first use on. What a start does, what the timer asks round after round and
 * what looks whether a controller lives must not wake it while there is nothing to do.
 */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { HistoryKeeper } from '../../apps/controller/src/data/history.ts';
import { ensureAdminToken } from '../../apps/controller/src/process/admin-token.ts';
import { openTestApi, type TestApi } from '../api/support.ts';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
  vi.spyOn(test.database, 'prisma', 'get').mockImplementation(() => {
    throw new Error('Prisma was woken');
  });
});
afterAll(async () => {
  vi.restoreAllMocks();
  await test.stop();
});

it('the rounds of the timer leave Prisma asleep', async () => {
  await expect(async () => test.database.transaction(async () => {})).rejects.toThrow('Prisma was woken');
  await test.jobs.sweep();
  await test.sweep();
});

it('a start makes months of history and the first token without it', async () => {
  const { database, stateDir, clock } = test;
  const { made } = await new HistoryKeeper(database, { auditDays: 400, eventDays: 180 }).keep(clock.now());
  expect(made).toContain('audit_2026_11');
  await ensureAdminToken(database, stateDir, clock);
  const token = (await readFile(join(stateDir, 'admin.token'), 'utf8')).trim();
  await rm(join(stateDir, 'admin.token'));
  const me = await test.call('GET', '/api/v1/me', { role: null, headers: { authorization: `Bearer ${token}` } });
  expect(me).toMatchObject({
    status: 200,
    body: { name: expect.stringMatching(/^token:admin-[0-9a-f]{8}$/), role: 'admin' },
  });
  const audited = await database.look(
    `SELECT t.name, a.after FROM audit a JOIN api_token t ON t.id::text = a.entity_id
     WHERE a.actor = 'system:start' AND a.action = 'api_token.create' AND a.site_id = t.site_id AND a.at = t.created_at`,
  );
  const name = expect.stringMatching(/^admin-/);
  expect(audited).toEqual([{ name, after: { name, role: 'admin' } }]);
});

it('who looks whether it lives is answered without it', async () => {
  expect(await test.call('GET', '/readyz', { role: null })).toMatchObject({ status: 200, body: { status: 'ok' } });
  const { status, body } = await test.call('GET', '/metrics', { role: 'tool' });
  expect([status, body]).toEqual([200, expect.stringContaining('headroom_webhook_deliveries{state="dead"} 0')]);
});
