/**
 * The clock of a Mac jumps to 1970, to 2106, to nonsense: what it says of the time is kept as it said it and decides nothing.
 * Reports are in order by boot and sequence, boots are dated by the controller's own clock, leases run by it too.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startController, type TestController } from '../agents-link/support/controller.ts';
import { factsBytes, Mac } from '../agents-link/support/mac.ts';
import { openPlan } from '../agents-link/support/plans.ts';

const TIMES = ['2106-02-07T06:28:15Z', '1970-01-01T00:00:00Z', '2026-11-23T10:00:00Z', '0001-01-01T00:00:00Z'];

let controller: TestController;
beforeAll(async () => {
  controller = await startController();
});
afterAll(() => controller?.stop());

const reportOf = (mac: Mac) =>
  controller.database.prisma.hostReport.findUniqueOrThrow({ where: { hostId: mac.hostId } });

function factsAt(mac: Mac, time: string) {
  const facts = mac.facts();
  return { ...facts, boot: { ...facts.boot, sessionId: mac.bootSessionId, time } };
}

it('keeps the order of reports by boot and sequence, whatever the clock of the Mac says', async () => {
  const mac = await Mac.enrol(controller);
  await mac.openSession();
  for (const time of TIMES) {
    const from = controller.clock.now();
    await mac.checkIn(factsAt(mac, time));
    const report = await reportOf(mac);
    expect(report.facts).toMatchObject({ boot: { time } });
    for (const at of [report.lastSeenAt, report.factsAt])
      expect(Math.abs((at?.getTime() ?? 0) - from.getTime())).toBeLessThan(60_000);
  }
  const { bootFirstSeenAt } = await reportOf(mac);
  expect(Math.abs((bootFirstSeenAt?.getTime() ?? 0) - controller.clock.now().getTime())).toBeLessThan(60_000);
  // A report that was overtaken stays dropped, though its clock is the latest of all.
  const late = mac.position(1n);
  await mac.checkIn(factsAt(mac, '2999-01-01T00:00:00Z'), late);
  expect((await reportOf(mac)).facts).toMatchObject({ boot: { time: TIMES.at(-1) } });
});

it('dates whatever it writes of a Mac by its own clock: no line lands in a month that is not kept', async () => {
  const mac = await Mac.enrol(controller);
  await mac.openSession();
  for (const time of TIMES) {
    await mac.checkIn(factsAt(mac, time));
    const { jobId } = await openPlan(controller, mac, [{ kind: 'collect_facts' }], TIMES.indexOf(time) + 1);
    const leaseNumber = (await mac.lease()).job?.leaseNumber ?? 0;
    const generation = BigInt(TIMES.indexOf(time) + 1);
    const report = { jobId, leaseNumber, generation, factsJson: factsBytes(factsAt(mac, time)) };
    expect(await mac.finish(report)).toMatchObject({ accepted: true });
  }
  const lines = await controller.database.look<{ at: Date }>(
    `SELECT at FROM host_event WHERE host_id = $1 UNION ALL SELECT at FROM audit WHERE actor = $2`,
    mac.hostId,
    `host:${mac.hostId}`,
  );
  expect(lines.length).toBeGreaterThan(10);
  const now = controller.clock.now().getTime();
  expect(lines.filter(({ at }) => Math.abs(at.getTime() - now) > 300_000)).toEqual([]);
});

it('runs leases by the clock of the controller alone', async () => {
  const mac = await Mac.enrol(controller);
  await mac.openSession();
  const { jobId } = await openPlan(controller, mac, [{ kind: 'collect_facts' }]);
  const { job } = await mac.lease();
  expect(job?.jobId).toBe(jobId);
  await mac.checkIn(factsAt(mac, '2106-02-07T06:28:15Z'));
  expect((await mac.lease()).job, 'the lease holds').toBeUndefined();
  controller.clock.advance(controller.config.leaseTtlMs + 1000);
  await mac.checkIn(factsAt(mac, '1970-01-01T00:00:00Z'));
  const again = (await mac.lease()).job;
  expect([again?.jobId, again?.leaseNumber]).toEqual([jobId, (job?.leaseNumber ?? 0) + 1]);
});
