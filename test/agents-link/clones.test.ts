/** Two Macs with one identity are noticed, with hints for whoever has to find them. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startController, type TestController } from './support/controller.ts';
import { Mac, refusal } from './support/mac.ts';

let controller: TestController;
beforeAll(async () => {
  controller = await startController();
});
afterAll(() => controller?.stop());

const suspicions = (mac: Mac) =>
  controller.database.prisma.hostEvent.findMany({ where: { hostId: mac.hostId, kind: 'clone.suspected' } });

describe('a clone', () => {
  it('with another hardware UUID is refused and told of, once', async () => {
    const mac = await Mac.enrol(controller);
    await mac.openSession();
    const otherUuid = randomUUID().toUpperCase();
    for (const _ of [1, 2, 3]) expect(await refusal(mac.openSession(0n, otherUuid))).toBe('HOST_UUID_DIFFERS');
    const [event, ...more] = await suspicions(mac);
    expect(more).toEqual([]);
    expect(event?.detail).toMatchObject({
      code: 'CLONE_SUSPECTED',
      macs: [
        { hardwareUuid: mac.hostUuid, address: expect.stringMatching(/127\.0\.0\.1|::1/) },
        { hardwareUuid: otherUuid, bootSessionId: mac.bootSessionId },
      ],
    });
    const state = await controller.database.prisma.hostState.findUniqueOrThrow({ where: { hostId: mac.hostId } });
    expect(state.dueAt).not.toBeNull();
  });

  it('with the same hardware UUID shows by a boot session that comes back', async () => {
    const mac = await Mac.enrol(controller);
    const clone = mac.twin();
    await mac.openSession();
    await clone.openSession();
    expect(await suspicions(mac), 'a Mac that was restarted is no clone').toEqual([]);
    await mac.openSession();
    const [event] = await suspicions(mac);
    expect(event?.detail).toMatchObject({
      macs: [{ bootSessionId: clone.bootSessionId }, { bootSessionId: mac.bootSessionId }],
    });
  });

  it('is not suspected when one Mac opens sessions again and again', async () => {
    const mac = await Mac.enrol(controller);
    for (let n = 0; n < 5; n++) await mac.openSession();
    expect(await suspicions(mac)).toEqual([]);
  });
});
