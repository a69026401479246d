/** Keys and database belong together, and a new grant key is believed only because the old one signed it. */
import { generateKeyPairSync, verify } from 'node:crypto';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { grantKeyRotationText } from '@headroom/core';
import type { GrantKeyRetirement, GrantKeyRotation } from '@headroom/proto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openGrantPins } from '../../apps/agent/src/state/grant-pins.ts';
import { type Identity, readIdentity, writeEnrolment } from '../../apps/agent/src/state/identity.ts';
import { type FakeMac, fakeMac } from '../../apps/agent/src/testing/fake-mac.ts';
import { verifierOf } from '../../apps/controller/src/exceptions/grant-check.ts';
import { GrantKey } from '../../apps/controller/src/keys/grant-key.ts';
import { KeyStore } from '../../apps/controller/src/keys/key-store.ts';
import { openKeys } from '../../apps/controller/src/keys/open-keys.ts';
import { waitFor } from '../support/wait-for.ts';
import { startController, type TestController } from './support/controller.ts';
import { Mac, refusal } from './support/mac.ts';

describe('a keys folder', () => {
  let controller: TestController;
  beforeAll(async () => {
    controller = await startController();
  });
  afterAll(() => controller?.stop());

  const open = (acceptNewKeys = false) =>
    openKeys({ ...controller.config, acceptNewKeys }, controller.clock, controller.database);

  it('that was lost beside its database stops the start, until somebody accepts new keys', async () => {
    const mac = await Mac.enrol(controller);
    expect((await open()).caFingerprint).toBe(controller.keys.caFingerprint);
    const folder = join(controller.config.stateDir, 'keys');
    await rm(folder, { recursive: true });
    await expect(open()).rejects.toThrow(/fleet-ca\.pem is missing[\s\S]*backup[\s\S]*--accept-new-keys/);
    await expect(readFile(join(folder, 'fleet-ca.pem')), 'nothing was made').rejects.toThrow(/ENOENT/);
    await KeyStore.open(controller.config, controller.clock);
    await expect(open(), 'keys of another fleet').rejects.toThrow(/did not issue the newest certificate/);
    const fresh = await open(true);
    expect(fresh.caFingerprint).not.toBe(controller.keys.caFingerprint);
    expect((await open()).caFingerprint, 'accepted once is enough').toBe(fresh.caFingerprint);
    expect(await refusal(mac.openSession())).toBe('CERTIFICATE_REVOKED');
    const audit = await controller.database.prisma.audit.findFirstOrThrow({ where: { action: 'keys.accept_new' } });
    expect(audit.after).toMatchObject({ caFingerprint: fresh.caFingerprint, certificates: 1 });
  });
});

describe('a rotated grant key', () => {
  it('is signed by the one before, and what that signed stays valid', () => {
    const first = new GrantKey(GrantKey.generatePem());
    const second = new GrantKey(first.nextText());
    const third = new GrantKey(second.nextText());
    expect(third.previousKeys.map(({ keyId }) => keyId)).toEqual([first.keyId, second.keyId]);
    const [one, two] = third.rotations;
    expect([one?.signedBy, two?.signedBy]).toEqual([first.keyId, second.keyId]);
    if (one === undefined) throw new Error('no rotation');
    const signature = Buffer.from(one.signature, 'base64');
    expect(verify(null, Buffer.from(grantKeyRotationText(one)), first.publicKeyPem, signature)).toBe(true);
    const verifies = verifierOf(third);
    expect(verifies('grant', first.sign('grant'), first.keyId)).toBe(true);
    expect(verifies('grant', first.sign('grant'), third.keyId)).toBe(false);
    expect(verifierOf(first)('grant', third.sign('grant'), third.keyId)).toBe(false);
  });

  it('is taken over by a running controller and told to Macs in session and check-in', async () => {
    const controller = await startController({ sweepMs: 50 });
    try {
      const mac = await Mac.enrol(controller);
      expect((await mac.openSession()).grantKeyRotations).toEqual([]);
      const old = controller.keys.grantKey.keyId;
      const { keyId } = await KeyStore.rotateGrantKey(controller.config);
      await waitFor(() => controller.keys.grantKey.keyId === keyId);
      const told = [expect.objectContaining({ keyId, signedBy: old })];
      expect((await mac.checkIn(null)).grantKeyRotations, 'an agent that names no key').toEqual([]);
      expect((await mac.checkIn(null, mac.position(), '', old)).grantKeyRotations).toEqual(told);
      expect((await mac.checkIn(null, mac.position(), '', keyId)).grantKeyRotations).toEqual([]);
      expect((await mac.openSession()).grantKeyRotations).toEqual(told);
      await expect(KeyStore.retireGrantKey(controller.config, keyId, new Date())).rejects.toThrow(/rotate it first/);
      await expect(KeyStore.retireGrantKey(controller.config, 'abc', new Date())).rejects.toThrow(/16 hex digits/);
      await KeyStore.retireGrantKey(controller.config, old, new Date());
      await waitFor(() => controller.keys.grantKey.retirements.length > 0);
      const ended = [expect.objectContaining({ keyId: old, signedBy: keyId })];
      expect((await mac.openSession()).grantKeyRetirements).toEqual(ended);
      expect((await mac.checkIn(null, mac.position(), '', keyId)).grantKeyRetirements).toEqual(ended);
      expect((await mac.checkIn(null, mac.position(), '', keyId, [old])).grantKeyRetirements).toEqual([]);
      const { prisma } = controller.database;
      const toldBy = (hostId: string) => prisma.hostReport.findUniqueOrThrow({ where: { hostId } });
      expect(await toldBy(mac.hostId)).toMatchObject({ grantKeyId: keyId, retiredGrantKeyIds: [old] });
      const audited = () => prisma.audit.count({ where: { action: 'host.grant_keys' } });
      const before = await audited();
      await mac.checkIn(null, mac.position(), '', keyId, [old, 'not a key of ours']);
      expect(await audited(), 'said again').toBe(before);
      await expect(KeyStore.retireGrantKey(controller.config, old, new Date())).rejects.toThrow(/retired already/);
      const { keyId: third } = await KeyStore.rotateGrantKey(controller.config);
      await waitFor(() => controller.keys.grantKey.keyId === third);
      expect(controller.keys.grantKey.retirements, 'a rotation forgets none').toMatchObject([{ keyId: old }]);
    } finally {
      await controller.stop();
    }
  });
});

describe('a Mac', () => {
  let mac: FakeMac;
  const first = new GrantKey(GrantKey.generatePem());
  const second = new GrantKey(first.nextText());
  const third = new GrantKey(second.nextText());
  beforeEach(async () => {
    mac = fakeMac();
    const keys = [{ keyId: first.keyId, pem: first.publicKeyPem }];
    const identity = { hostId: 'h', fleetId: 'f', agentUrl: 'a', enrolUrl: 'e', caPem: 'c', grantPublicKeys: keys };
    await writeEnrolment(mac, identity, 'certificate');
  });
  afterEach(() => mac.remove());

  const said: string[] = [];
  const open = () => openGrantPins(mac, (line) => said.push(line));
  const wire = ({ rotations }: GrantKey): GrantKeyRotation[] =>
    rotations.map((rotation) => ({ ...rotation, signature: Buffer.from(rotation.signature, 'base64') }));
  const believes = (pins: Awaited<ReturnType<typeof open>>, key: GrantKey) =>
    pins.verify('grant', key.sign('grant'), key.keyId);

  it('believes a chain that starts at its own key, now and after a restart', async () => {
    const pins = await open();
    await pins.learn(wire(third));
    for (const one of [pins, await open()])
      expect([first, second, third].map((key) => believes(one, key))).toEqual([true, true, true]);
    expect(pins.newest()).toBe(third.keyId);
    expect((await readIdentity(mac))?.grantPublicKeys.map(({ keyId }) => keyId)).toEqual([
      first.keyId,
      second.keyId,
      third.keyId,
    ]);
  });

  it('does not believe a key that nobody it knows has signed, however it is told', async () => {
    const stranger = new GrantKey(new GrantKey(GrantKey.generatePem()).nextText());
    const [own] = wire(second);
    const [foreign] = wire(stranger);
    if (own === undefined || foreign === undefined) throw new Error('no rotation');
    const pins = await open();
    await pins.learn([
      foreign,
      { ...foreign, signedBy: first.keyId },
      { ...own, publicKeyPem: stranger.publicKeyPem },
      { ...own, keyId: stranger.keyId, publicKeyPem: stranger.publicKeyPem },
      { ...own, signature: Buffer.alloc(64) },
    ]);
    expect([believes(pins, stranger), believes(pins, second)]).toEqual([false, false]);
    expect(said.join('\n')).toContain(`${foreign.keyId} is refused`);
    expect((await readIdentity(mac))?.grantPublicKeys).toHaveLength(1);
  });

  const retirements = ({ retirements: all }: GrantKey): GrantKeyRetirement[] =>
    all.map((one) => ({ ...one, signature: Buffer.from(one.signature, 'base64') }));
  const retired = (by: GrantKey, key: GrantKey) => new GrantKey(by.retiringText(key.keyId, new Date(0)));

  it('believes a key no more that one after it has retired, now, after a restart and a new enrolment', async () => {
    const pins = await open();
    await pins.learn(wire(third));
    await pins.retire(retirements(retired(third, first)));
    await writeEnrolment(mac, { ...((await readIdentity(mac)) as Identity) }, 'another certificate');
    for (const one of [pins, await open()]) {
      expect([first, second, third].map((key) => believes(one, key))).toEqual(['retired', true, true]);
      expect([one.retired(), one.newest()]).toEqual([[first.keyId], third.keyId]);
    }
    expect(said.join('\n')).toContain(`${first.keyId} is believed no more, says the key ${third.keyId}`);
    const successor = new GrantKey(first.nextText());
    await pins.learn(wire(successor));
    expect(believes(pins, successor), 'a key that the thief signs').toBe(false);
  });

  it('lets no key be retired by one before it, by itself, by a stranger or by a changed word', async () => {
    const pins = await open();
    await pins.learn(wire(third));
    const stranger = new GrantKey(GrantKey.generatePem());
    const [good] = retirements(retired(third, first));
    if (good === undefined) throw new Error('no retirement');
    await pins.retire([
      ...retirements(retired(first, third)),
      ...retirements(retired(second, third)),
      ...retirements(retired(third, third)),
      ...retirements(retired(stranger, first)),
      ...retirements(retired(stranger, third)).map((one) => ({ ...one, signedBy: third.keyId })),
      { ...good, keyId: second.keyId },
      { ...good, retiredAt: '2026-11-29T00:00:00.000Z' },
      { ...good, signature: Buffer.alloc(64) },
    ]);
    expect([first, second, third].map((key) => believes(pins, key))).toEqual([true, true, true]);
    await pins.retire(retirements(retired(second, first)));
    await pins.retire(retirements(retired(first, second)));
    expect(
      [first, second, third].map((key) => believes(pins, key)),
      'a retired key says nothing',
    ).toEqual(['retired', true, true]);
  });

  it('lets no other key that the stolen one signed retire its true successor', async () => {
    const pins = await open();
    const thiefs = new GrantKey(first.nextText());
    await pins.learn([...wire(second), ...wire(thiefs)]);
    expect(believes(pins, thiefs), 'whoever has the stolen key and the controller').toBe(true);
    await pins.retire(retirements(retired(thiefs, second)));
    expect(believes(pins, second)).toBe(true);
    await pins.retire(retirements(retired(second, first)));
    expect(believes(pins, first)).toBe('retired');
  });

  it('takes keys of its enrolment as the controller gave them, oldest first', async () => {
    const keys = [first, second].map(({ keyId, publicKeyPem: pem }) => ({ keyId, pem }));
    await writeEnrolment(mac, { ...((await readIdentity(mac)) as Identity), grantPublicKeys: keys }, 'certificate');
    const pins = await open();
    await pins.retire(retirements(retired(first, second)));
    expect(believes(pins, second)).toBe(true);
    await pins.retire(retirements(retired(second, first)));
    expect(believes(pins, first)).toBe('retired');
  });

  it('lets no key of the controller retire one that root placed, which may retire any', async () => {
    const folder = mac.path('/var/db/headroom/grant-keys');
    await mkdir(folder, { mode: 0o700 });
    const placed = new GrantKey(GrantKey.generatePem());
    await writeFile(join(folder, 'placed.pem'), placed.publicKeyPem, { mode: 0o644 });
    const pins = await open();
    await pins.learn(wire(third));
    await pins.retire(retirements(retired(third, placed)));
    expect(believes(pins, placed)).toBe(true);
    await pins.retire(retirements(retired(placed, third)));
    expect([believes(pins, placed), believes(pins, third)]).toEqual([true, 'retired']);
  });

  it('believes no grant while it cannot tell which keys are retired', async () => {
    await writeFile(mac.path('/var/db/headroom/retired-grant-keys.json'), '{"keys": 1}');
    const pins = await open();
    await pins.retire(retirements(retired(second, first)));
    expect([believes(pins, first), pins.retired()]).toEqual([false, []]);
    expect(said.join('\n')).toContain('retired-grant-keys.json is damaged');
  });

  it('believes a key that was placed where only root can write', async () => {
    const folder = mac.path('/var/db/headroom/grant-keys');
    await mkdir(folder, { mode: 0o700 });
    const placed = new GrantKey(GrantKey.generatePem());
    await writeFile(join(folder, 'new.pem'), placed.publicKeyPem, { mode: 0o644 });
    const open2 = new GrantKey(GrantKey.generatePem());
    await writeFile(join(folder, 'open.pem'), open2.publicKeyPem);
    await chmod(join(folder, 'open.pem'), 0o666);
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await writeFile(join(folder, 'ec.pem'), publicKey.export({ type: 'spki', format: 'pem' }), { mode: 0o644 });
    const pins = await open();
    expect([believes(pins, placed), believes(pins, open2), believes(pins, first)]).toEqual([true, false, true]);
  });
});
