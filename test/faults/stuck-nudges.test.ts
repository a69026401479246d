/** An agent that opens its stream of nudges and never reads it: what waits for it stays small, and other Macs are nudged. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Nudge } from '@headroom/proto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startController, type TestController } from '../agents-link/support/controller.ts';
import { Mac } from '../agents-link/support/mac.ts';
import { waitFor } from '../support/wait-for.ts';

const ROUNDS = 60;
const EACH = 1000;
const QUIET_MS = 1500;

let controller: TestController;
beforeAll(async () => {
  controller = await startController();
});
afterAll(() => controller?.stop());

async function listening(mac: Mac) {
  await mac.openSession();
  const stream = mac.client.nudges({ sessionNumber: mac.session });
  stream.on('error', () => {});
  const seen = { count: 0 };
  stream.on('data', (_: Nudge) => {
    seen.count += 1;
  });
  const nudge = () => controller.bus.publish({ kind: 'work', hostId: mac.hostId });
  await waitFor(() => {
    nudge();
    return seen.count > 0;
  });
  return { stream, seen, nudge };
}

it('keeps few nudges for a reader that does not read, and nudges the others', { timeout: 90_000 }, async () => {
  const stuck = await listening(await Mac.enrol(controller));
  const other = await listening(await Mac.enrol(controller));
  stuck.stream.pause();
  const read = stuck.seen.count;
  for (let round = 0; round < ROUNDS; round++) {
    for (let n = 0; n < EACH; n++) stuck.nudge();
    await sleep(5);
  }
  const before = other.seen.count;
  other.nudge();
  await waitFor(() => other.seen.count > before);
  stuck.stream.resume();
  let last = -1;
  while (last !== stuck.seen.count) {
    last = stuck.seen.count;
    await sleep(QUIET_MS);
  }
  // What was on its way, not what was published.
  expect(last - read).toBeLessThan((ROUNDS * EACH) / 10);
  stuck.nudge();
  await waitFor(() => stuck.seen.count > last);
  for (const { stream } of [stuck, other]) stream.cancel();
});
