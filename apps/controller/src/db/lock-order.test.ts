import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CHANGE_MS_MAX, type Database } from './database.ts';
import { changeStanding } from './lock-order.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** The first transaction ends as it is told; later ones at once. */
function databaseWith(first: Promise<string>): Database {
  const answers = [first];
  const transaction = () => answers.pop() ?? Promise.resolve('done');
  return { transaction } as unknown as Database;
}

it('takes the next change when one fails', async () => {
  const database = databaseWith(Promise.reject(new Error('no')));
  const failing = changeStanding(database, async () => '').catch(String);
  const next = changeStanding(database, async () => '');
  expect([await failing, await next]).toEqual(['Error: no', 'done']);
});

it('is held up by a change whose connection fell silent for no longer than a change may take', async () => {
  const database = databaseWith(new Promise(() => {}));
  void changeStanding(database, async () => '');
  const waited = changeStanding(database, async () => '').catch(String);
  await vi.advanceTimersByTimeAsync(CHANGE_MS_MAX + 1);
  expect(await waited).toMatch(/NOT_READY/);
  expect(await changeStanding(database, async () => '')).toBe('done');
});
