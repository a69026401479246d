/** The queue's contract: wake-ups arrive, equal ones are one, and one added while its work runs is not lost. */
import { expect, it } from 'vitest';
import { BullmqQueue } from '../../apps/controller/src/queue/bullmq-queue.ts';
import { withDatabase } from '../support/postgres.ts';
import { waitFor } from '../support/wait-for.ts';

it('wakes the handler, folds equal wake-ups, and keeps one that comes while it runs', async () => {
  await withDatabase(async ({ connection }) => {
    const queue = await BullmqQueue.onPostgres(connection);
    const seen: string[] = [];
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await queue.process('evaluate', async (id) => {
      seen.push(id);
      if (seen.length === 1) await held;
    });
    await queue.add('evaluate', 'due');
    await waitFor(() => seen.length === 1);
    await queue.add('evaluate', 'due');
    await queue.add('evaluate', 'due');
    release();
    await waitFor(() => seen.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(seen).toEqual(['due', 'due']);
    await queue.close();
  });
});
