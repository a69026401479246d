/** A Mac joins with a token, over real TLS, and every way it may fail. */
import { randomUUID, X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { startController, type TestController } from './support/controller.ts';
import { Mac, MacKey, newToken, postEnrol, refusal } from './support/mac.ts';

let controller: TestController;
beforeAll(async () => {
  controller = await startController();
});
afterAll(() => controller?.stop());

/** Not within a transaction, which would be told the same again and again. */
async function waitingForLocks(): Promise<number> {
  const { rows } = await controller.database.pool.query<{ waiting: number }>(
    `SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE wait_event_type = 'Lock'`,
  );
  return rows[0]?.waiting ?? 0;
}

const newUuid = () => randomUUID().toUpperCase();

describe('enrolment', () => {
  it('answers with a certificate of the fleet for exactly this host', async () => {
    const token = await newToken(controller);
    const hostUuid = newUuid();
    const { status, body } = await postEnrol(controller, new MacKey().enrolBody(token, hostUuid));
    expect(status).toBe(200);
    const certificate = new X509Certificate(String(body['certificatePem']));
    const ca = new X509Certificate(String(body['caPem']));
    expect(certificate.verify(ca.publicKey)).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(certificate.subjectAltName).toBe(`URI:spiffe://${controller.database.fleetId}/host/${body['hostId']}`);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(token.split('.')[2]).toBe(ca.fingerprint256.replaceAll(':', '').toLowerCase());
    expect(body).toMatchObject({
      fleetId: controller.database.fleetId,
      agentUrl: `https://localhost:${controller.agentPort}`,
      grantKeys: [{ keyId: controller.keys.grantKey.keyId, publicKeyPem: controller.keys.grantKey.publicKeyPem }],
      simulation: true,
    });
    const { prisma } = controller.database;
    const host = await prisma.host.findUniqueOrThrow({
      where: { hardwareUuid: hostUuid },
      include: { labels: true, report: true, state: true, intent: true },
    });
    expect(host).toMatchObject({
      id: body['hostId'],
      name: 'C02TEST',
      simulated: true,
      labels: [{ label: 'lab' }],
      report: { sessionNumber: 0n },
      state: { state: 'no_facts', dueAt: expect.any(Date) },
      intent: { number: 1, quota: 2 },
    });
    const audit = await prisma.audit.findMany({ where: { entityId: host.id } });
    expect(audit.map(({ action }) => action).sort()).toEqual(['host.enrol', 'host.label']);
    expect(new Set(audit.map(({ actor }) => actor))).toEqual(new Set([`enrol_token:${token.split('.')[0]}`]));
  });

  it('keeps no secret of a token', async () => {
    const token = await newToken(controller);
    const [id = '', secret = ''] = token.split('.');
    const row = await controller.database.prisma.enrolToken.findUniqueOrThrow({ where: { id } });
    const audit = await controller.database.prisma.audit.findMany({ where: { entityId: id } });
    expect(audit).toHaveLength(1);
    const stored = JSON.stringify([row, audit], (_, value) => (typeof value === 'bigint' ? String(value) : value));
    expect(stored).not.toContain(secret);
  });

  it('gives the same answer again when the first one was lost, and counts one use', async () => {
    const token = await newToken(controller);
    const body = new MacKey().enrolBody(token, newUuid());
    const answers = await Promise.all([postEnrol(controller, body), postEnrol(controller, body)]);
    const later = await postEnrol(controller, body);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(later.body).toEqual(answers[0]?.body);
    expect(answers[1]?.body).toEqual(answers[0]?.body);
  });

  it('refuses a used token for another Mac', async () => {
    const token = await newToken(controller);
    await postEnrol(controller, new MacKey().enrolBody(token, newUuid()));
    const { status, type, body } = await postEnrol(controller, new MacKey().enrolBody(token, newUuid()));
    expect({ status, type, code: body['code'] }).toEqual({
      status: 409,
      type: 'application/problem+json',
      code: 'TOKEN_USED',
    });
  });

  it('counts the uses of one token under load', async () => {
    const token = await newToken(controller, 3);
    const bodies = Array.from({ length: 6 }, () => new MacKey().enrolBody(token, newUuid()));
    const answers = await Promise.all(bodies.map((body) => postEnrol(controller, body)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 409, 409, 409]);
  });

  it('lets a whole rack wait for one token without a connection each: others are served, and every Mac is enrolled', async () => {
    const RACK = 24;
    const token = await newToken(controller, RACK + 1);
    const bodies = Array.from({ length: RACK }, () => new MacKey().enrolBody(token, newUuid()));
    const { pool } = controller.database;
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('SELECT 1 FROM enrol_token WHERE id = $1 FOR UPDATE', [token.split('.')[0]]);
      const answers = Promise.all(bodies.map((body) => postEnrol(controller, body)));
      await waitFor(async () => (await waitingForLocks()) > 0);
      // Time for those that would wait too, were they let.
      await sleep(500);
      expect(await waitingForLocks()).toBe(1);
      await pool.query('SELECT 1');
      await client.query('COMMIT');
      const hosts = (await answers).map(({ status, body }) => [status, body['hostId']]);
      expect(hosts.map(([status]) => status)).toEqual(Array(RACK).fill(200));
      expect(new Set(hosts.map(([, hostId]) => hostId)).size).toBe(RACK);
    } finally {
      client.release();
    }
    const row = { where: { id: token.split('.')[0] ?? '' } };
    expect((await controller.database.prisma.enrolToken.findUniqueOrThrow(row)).usesLeft).toBe(1);
  });

  it('refuses an expired token', async () => {
    const token = await newToken(controller, 1, 1000);
    controller.clock.advance(1500);
    const { status, body } = await postEnrol(controller, new MacKey().enrolBody(token, newUuid()));
    expect([status, body['code']]).toEqual([401, 'TOKEN_EXPIRED']);
  });

  it('refuses a token that somebody ended, also whoever waited for it; an answer that was lost is given again', async () => {
    const token = await newToken(controller, 5);
    const [id = ''] = token.split('.');
    const known = new MacKey().enrolBody(token, newUuid());
    expect((await postEnrol(controller, known)).status).toBe(200);
    const client = await controller.database.pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('SELECT 1 FROM enrol_token WHERE id = $1 FOR UPDATE', [id]);
      const revoking = controller.tokens.revoke(id, 'token:admin');
      await waitFor(async () => (await waitingForLocks()) === 1);
      const waiting = postEnrol(controller, new MacKey().enrolBody(token, newUuid()));
      await waitFor(async () => (await waitingForLocks()) === 2);
      controller.clock.advance(1_000);
      await client.query('COMMIT');
      await revoking;
      const { status, body } = await waiting;
      expect([status, body['code']]).toEqual([401, 'TOKEN_EXPIRED']);
    } finally {
      client.release();
    }
    expect((await postEnrol(controller, known)).status).toBe(200);
    await controller.tokens.revoke(id, 'token:admin');
    const { prisma } = controller.database;
    expect(await prisma.audit.count({ where: { action: 'enrol_token.revoke', entityId: id } })).toBe(1);
  });

  it('refuses a wrong secret and an unknown token alike', async () => {
    const [id = '', secret = ''] = (await newToken(controller)).split('.');
    const wrongSecret = `${id}.${secret.slice(0, -1)}${secret.endsWith('A') ? 'B' : 'A'}`;
    const unknown = `${randomUUID()}.${secret}`;
    for (const token of [wrongSecret, unknown]) {
      const { status, body } = await postEnrol(controller, new MacKey().enrolBody(token, newUuid()));
      expect([status, body['code'], body['detail']]).toEqual([401, 'TOKEN_INVALID', 'no token has this id and secret']);
    }
  });

  it('refuses a key that the Mac does not hold, and a proof made for another Mac', async () => {
    const token = await newToken(controller);
    const mine = new MacKey().enrolBody(token, newUuid());
    const theirs = new MacKey().enrolBody(token, newUuid());
    const stolen = { ...mine, publicKeyPem: theirs['publicKeyPem'] };
    const moved = { ...mine, hostUuid: newUuid() };
    for (const body of [stolen, moved]) {
      const answer = await postEnrol(controller, body);
      expect([answer.status, answer.body['code'], answer.body['field']]).toEqual([400, 'VALIDATION_FAILED', 'proof']);
    }
  });

  it('names the field that is wrong, and bounds the body', async () => {
    const body = new MacKey().enrolBody(await newToken(controller), newUuid());
    const noUuid = await postEnrol(controller, { ...body, hostUuid: 'x' });
    expect([noUuid.body['code'], noUuid.body['field']]).toEqual(['VALIDATION_FAILED', 'hostUuid']);
    const foreign = await postEnrol(controller, { ...body, role: 'admin' });
    expect(foreign.body['code']).toBe('VALIDATION_FAILED');
    const huge = await postEnrol(controller, { ...body, name: 'x'.repeat(17_000) });
    expect([huge.status, huge.body['code']]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    expect((await postEnrol(controller, body, '/')).status).toBe(404);
  });

  it('lets no token put another Mac in the place of one that is enrolled', async () => {
    const hostUuid = newUuid();
    const before = await Mac.enrol(controller, hostUuid);
    await before.openSession();
    const token = await newToken(controller);
    const reply = await postEnrol(controller, new MacKey().enrolBody(token, hostUuid));
    expect([reply.status, reply.body['code'], reply.body['hostId']]).toEqual([
      409,
      'ENROL_HOST_HAS_CERTIFICATE',
      before.hostId,
    ]);
    await before.checkIn(null);
    const row = { where: { id: token.split('.')[0] ?? '' } };
    expect(await controller.database.prisma.enrolToken.findUnique(row)).toMatchObject({ usesLeft: 1 });
  });

  it('takes a Mac that holds the key of its certificate in again: it lost the answer, and comes with another token', async () => {
    const [hostUuid, key] = [newUuid(), new MacKey()];
    const lost = await postEnrol(controller, key.enrolBody(await newToken(controller), hostUuid));
    const { status, body } = await postEnrol(controller, key.enrolBody(await newToken(controller), hostUuid));
    expect([status, body['hostId']]).toEqual([200, lost.body['hostId']]);
    const { prisma } = controller.database;
    const held = await prisma.certificate.findMany({ where: { hostId: String(body['hostId']), revokedAt: null } });
    expect(held.map(({ pem }) => pem)).toEqual([body['certificatePem']]);
    const other = await postEnrol(controller, new MacKey().enrolBody(await newToken(controller), hostUuid));
    expect(other.body['code']).toBe('ENROL_HOST_HAS_CERTIFICATE');
  });

  it('takes a Mac in again with a new key once an admin has revoked the old one', async () => {
    const hostUuid = newUuid();
    const before = await Mac.enrol(controller, hostUuid);
    await before.openSession();
    const revocation = { hostId: before.hostId, actor: 'test', reason: 'erased' };
    await controller.database.transaction((tx) => controller.certificates.revokeAll(tx, revocation));
    const after = await Mac.enrol(controller, hostUuid);
    expect(after.hostId).toBe(before.hostId);
    expect(await refusal(before.checkIn(null))).toBe('CERTIFICATE_REVOKED');
    expect((await after.openSession()).sessionNumber).toBeGreaterThan(before.session);
    const audit = await controller.database.prisma.audit.findMany({ where: { entityId: after.hostId } });
    expect(audit.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['host.enrol', 'certificate.revoke', 'host.enrol_again']),
    );
  });
});

describe('a source that keeps failing', () => {
  it('is told to wait', async () => {
    const own = await startController();
    try {
      const statuses: number[] = [];
      for (let n = 0; n < 31; n++) statuses.push((await postEnrol(own, 'not json')).status);
      expect([statuses[29], statuses[30]]).toEqual([400, 429]);
      own.clock.advance(61_000);
      expect((await postEnrol(own, 'not json')).status).toBe(400);
    } finally {
      await own.stop();
    }
  });
});
