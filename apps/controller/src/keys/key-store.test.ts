import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Clock } from '../common/clock.ts';
import { KeyStore } from './key-store.ts';

const DAY_MS = 86_400_000;

class SetClock extends Clock {
  constructor(private readonly at: number) {
    super();
  }

  now(): Date {
    return new Date(this.at);
  }
}

let stateDir: string;
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'hr-keys-'));
});
afterEach(() => rm(stateDir, { recursive: true, force: true }));

const start = Date.UTC(2026, 0, 1);
const openKeys = (days = 0, publicHost = 'headroom.example') =>
  KeyStore.open({ stateDir, publicHost }, new SetClock(start + days * DAY_MS));
const serverCertificate = (keys: KeyStore) => new X509Certificate(keys.tls.chainPem);

describe('KeyStore', () => {
  it('keeps its files to itself', async () => {
    await openKeys();
    const folder = join(stateDir, 'keys');
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    const names = await readdir(folder);
    expect(names.sort()).toEqual(['fleet-ca.pem', 'grant-key.pem', 'server.pem', 'webhook-key.pem']);
    for (const name of names) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
  });

  it('refuses a key that others can read', async () => {
    await openKeys();
    await chmod(join(stateDir, 'keys', 'grant-key.pem'), 0o640);
    await expect(openKeys()).rejects.toThrow(/grant-key\.pem can be read by others: expected mode 0600, seen 0640/);
  });

  it('has the same keys after a restart', async () => {
    const first = await openKeys();
    const second = await openKeys(1);
    expect(second.caPem).toBe(first.caPem);
    expect(second.grantKey.keyId).toBe(first.grantKey.keyId);
    expect(second.tls).toEqual(first.tls);
  });

  it('makes one CA and one grant key when two processes start at once', async () => {
    const [one, two] = await Promise.all([openKeys(), openKeys()]);
    expect(two.caFingerprint).toBe(one.caFingerprint);
    expect(two.grantKey.keyId).toBe(one.grantKey.keyId);
  });

  it('renews the server certificate at half its life, and when the public name changes', async () => {
    const first = await openKeys();
    const fresh = serverCertificate(first).serialNumber;
    expect(serverCertificate(await openKeys(44)).serialNumber).toBe(fresh);
    const renewed = serverCertificate(await openKeys(46));
    expect(renewed.serialNumber).not.toBe(fresh);
    expect(renewed.verify(new X509Certificate(first.caPem).publicKey)).toBe(true);
    const renamed = serverCertificate(await openKeys(47, '192.0.2.7'));
    expect([renamed.checkIP('192.0.2.7'), renamed.checkHost('localhost')]).toEqual(['192.0.2.7', 'localhost']);
    expect(renamed.checkHost('headroom.example')).toBeUndefined();
  });

  it('makes a new server certificate when it starts with one that has expired', async () => {
    const first = serverCertificate(await openKeys());
    const later = serverCertificate(await openKeys(100));
    expect(Date.parse(first.validTo)).toBeLessThan(start + 100 * DAY_MS);
    expect(Date.parse(later.validTo)).toBe(start + 190 * DAY_MS);
  });

  it('gives a certificate that lasts only seconds no past that is longer than its life', async () => {
    const config = { stateDir, publicHost: 'headroom.example' };
    const keys = await KeyStore.open(config, new SetClock(start), { serverMs: 20_000 });
    const { validFrom, validTo } = serverCertificate(keys);
    expect([Date.parse(validFrom) - start, Date.parse(validTo) - start]).toEqual([-2_000, 20_000]);
  });

  it('issues certificates for Macs that last 90 days, each with its own serial', async () => {
    const keys = await openKeys();
    const mac = { fleetId: 'f', hostId: 'h', publicKeyPem: publicKeyOf(keys) };
    const [one, two] = [await keys.issueClient(mac, new Date(start)), await keys.issueClient(mac, new Date(start))];
    expect(one.serial).not.toBe(two.serial);
    const certificate = new X509Certificate(one.pem);
    expect(certificate.serialNumber.toLowerCase()).toBe(one.serial);
    expect(Date.parse(certificate.validTo)).toBe(start + 90 * DAY_MS);
    expect(certificate.subjectAltName).toBe('URI:spiffe://f/host/h');
  });

  it('signs grants so that the public half verifies them', async () => {
    const { grantKey } = await openKeys();
    const payload = '{"grantId":"ä"}';
    const signature = Buffer.from(grantKey.sign(payload), 'base64');
    const publicKey = createPublicKey(grantKey.publicKeyPem);
    expect(verify(null, Buffer.from(payload), publicKey, signature)).toBe(true);
    expect(verify(null, Buffer.from(`${payload} `), publicKey, signature)).toBe(false);
  });
});

/** Any P-256 key will do. */
function publicKeyOf(keys: KeyStore): string {
  return new X509Certificate(keys.caPem).publicKey.export({ type: 'spki', format: 'pem' }).toString();
}
