/** Certificates over their life: renewed over the wire, replaced at first use, listeners renewed without a restart. */

import { generateKeyPairSync, randomUUID, X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ISSUED_A_DAY_MAX } from '../../apps/controller/src/agents/certificate-renewal.ts';
import { waitFor } from '../support/wait-for.ts';
import { startController, type TestController } from './support/controller.ts';
import { codeOf, Mac, MacKey, refusal } from './support/mac.ts';

let controller: TestController;
beforeAll(async () => {
  controller = await startController({ sweepMs: 100 });
});
afterAll(() => controller?.stop());

const P384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();
const rowsOf = (mac: Mac) =>
  controller.database.prisma.certificate.findMany({ where: { hostId: mac.hostId }, orderBy: { issuedAt: 'asc' } });

describe('renewal', () => {
  it.each(['the same key', 'a new key'])(
    'gives the next certificate for %s; its first session revokes the older',
    async (which) => {
      const mac = await Mac.enrol(controller);
      await mac.openSession();
      const key = which === 'a new key' ? new MacKey().privateKeyPem : mac.keyPem;
      const renewed = await mac.renewCertificate(key);
      const certificate = new X509Certificate(renewed.certificatePem);
      expect(certificate.subjectAltName).toBe(new X509Certificate(mac.certificatePem).subjectAltName);
      expect(certificate.verify(new X509Certificate(controller.keys.caPem).publicKey)).toBe(true);
      expect(await refusal(mac.checkIn(null)), 'the older one is good until the new one is used').toBe('accepted');
      await renewed.redial(controller).openSession();
      expect(await refusal(mac.openSession())).toBe('CERTIFICATE_REVOKED');
      expect((await rowsOf(mac)).map(({ serial, revokedAt }) => [serial, revokedAt === null])).toEqual([
        [mac.serial, false],
        [renewed.serial, true],
      ]);
      const audit = await controller.database.prisma.audit.findMany({ where: { entityId: mac.hostId } });
      expect(audit.map(({ action }) => action)).toEqual(
        expect.arrayContaining(['certificate.renew', 'certificate.revoke']),
      );
    },
  );

  it('gives the same certificate again when the answer was lost', async () => {
    const mac = await Mac.enrol(controller);
    const [first, again] = [await mac.renewCertificate(), await mac.renewCertificate()];
    expect(again.certificatePem).toBe(first.certificatePem);
    expect(await rowsOf(mac)).toHaveLength(2);
  });

  it('refuses a key that the Mac does not hold, a proof for another host, and a key of another kind', async () => {
    const mac = await Mac.enrol(controller);
    const other = await Mac.enrol(controller);
    const text = ['headroom-renew-1', other.hostId, other.serial, new MacKey().publicKeyPem].join('|');
    expect(await refusal(mac.renewCertificate(mac.keyPem, text))).toBe('RENEWAL_INVALID');
    expect(await refusal(mac.renewCertificate(P384))).toBe('VALIDATION_FAILED');
    expect(await rowsOf(mac)).toHaveLength(1);
  });

  it('ends for the day when a Mac asks for ever more: each is kept for ever', async () => {
    const mac = await Mac.enrol(controller);
    const [row] = await rowsOf(mac);
    if (row === undefined) throw new Error('no certificate');
    const ago = (ms: number) => new Date(controller.clock.now().getTime() - ms);
    const many = (count: number, issuedAt: Date) =>
      controller.database.prisma.certificate.createMany({
        data: Array.from({ length: count }, () => ({ ...row, serial: randomUUID(), issuedAt })),
      });
    await many(ISSUED_A_DAY_MAX, ago(25 * 3_600_000));
    await many(ISSUED_A_DAY_MAX - 2, ago(3_600_000));
    const key = () => new MacKey().privateKeyPem;
    expect(await refusal(mac.renewCertificate(key()))).toBe('accepted');
    expect(await refusal(mac.renewCertificate(key()))).toBe('RATE_LIMITED');
  });

  it('is not for a revoked certificate', async () => {
    const mac = await Mac.enrol(controller);
    await controller.certificates.revoke(mac.serial, 'token:test', 'stolen');
    expect(await refusal(mac.renewCertificate())).toBe('CERTIFICATE_REVOKED');
  });
});

describe('a certificate that expires on a connection that lives on', () => {
  const expireSoon = (mac: Mac) =>
    controller.database.prisma.certificate.update({
      where: { serial: mac.serial },
      data: { notAfter: new Date(controller.clock.now().getTime() + 60_000) },
    });

  it('is good until then; from then on no call is admitted, and its stream is cut', async () => {
    const mac = await Mac.enrol(controller);
    await mac.openSession();
    await expireSoon(mac);
    let code = '';
    const stream = mac.client.nudges({ sessionNumber: mac.session });
    stream.on('data', () => {});
    stream.on('error', (error) => {
      code = codeOf(error);
    });
    expect(await refusal(mac.checkIn(null))).toBe('accepted');
    expect(code).toBe('');
    controller.clock.advance(60_000);
    await waitFor(() => code !== '');
    expect(code).toBe('CERTIFICATE_EXPIRED');
    expect(await refusal(mac.checkIn(null))).toBe('CERTIFICATE_EXPIRED');
    expect(await refusal(mac.openSession())).toBe('CERTIFICATE_EXPIRED');
    expect(await refusal(mac.renewCertificate())).toBe('CERTIFICATE_EXPIRED');
  });

  it('is replaced by enrolling again, which other controllers hear of at once', async () => {
    const mac = await Mac.enrol(controller);
    await mac.openSession();
    await expireSoon(mac);
    controller.clock.advance(60_000);
    controller.wakes.length = 0;
    const again = await Mac.enrol(controller, mac.hostUuid);
    const heard = { kind: 'session', hostId: mac.hostId };
    await waitFor(() => controller.wakes.some(({ kind, hostId }) => kind === 'due' && hostId === mac.hostId));
    expect(controller.wakes).toContainEqual(heard);
    expect(await refusal(mac.checkIn(null))).toBe('CERTIFICATE_REVOKED');
    expect(await refusal(again.openSession())).toBe('accepted');
  });
});

describe('another host', () => {
  it('cannot use a certificate that is not its own, whatever it says', async () => {
    const [mac, other] = [await Mac.enrol(controller), await Mac.enrol(controller)];
    await mac.openSession();
    await other.openSession();
    expect(await refusal(mac.openSession(0n, other.hostUuid))).toBe('HOST_UUID_DIFFERS');
    expect(await refusal(mac.checkIn(other.facts()))).toBe('HOST_UUID_DIFFERS');
  });
});

describe("the listeners' certificate", () => {
  it('is renewed without a restart at half its life, and live streams go on', async () => {
    const short = await startController({ sweepMs: 100 }, { serverMs: 16_000 });
    try {
      const mac = await Mac.enrol(short);
      await mac.openSession();
      let ended = false;
      const stream = mac.client.nudges({ sessionNumber: mac.session });
      stream.on('error', () => {
        ended = true;
      });
      const before = [await serialOf(short.agentPort), await serialOf(short.enrolPort)];
      await waitFor(async () => (await serialOf(short.agentPort)) !== before[0]);
      await waitFor(async () => (await serialOf(short.enrolPort)) !== before[1]);
      await waitFor(async () => (await serialOf(short.agentPort)) === (await serialOf(short.enrolPort)));
      expect(ended).toBe(false);
      expect(await refusal(mac.checkIn(null))).toBe('accepted');
      expect(await refusal(mac.redial(short).openSession())).toBe('accepted');
      stream.cancel();
    } finally {
      await short.stop();
    }
  });
});

/** Serial of the certificate that a listener shows now. */
function serialOf(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: 'localhost', port, servername: 'localhost', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}
