/** Who may speak, which session counts, and in which order reports are taken. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ServiceError, status } from '@grpc/grpc-js';
import { AgentServiceService, type Nudge, Outcome } from '@headroom/proto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { startController, type TestController } from './support/controller.ts';
import { codeOf, dial, factsBytes, Mac, refusal, sha256Hex } from './support/mac.ts';
import { openPlan } from './support/plans.ts';

const { INVALID_ARGUMENT } = status;
/** Long before the next sweep, which would do it too; a busy machine may take some of it. */
const AT_ONCE_MS = 20_000;

let controller: TestController;
beforeAll(async () => {
  controller = await startController();
});
afterAll(() => controller?.stop());

const reportOf = (mac: Mac) =>
  controller.database.prisma.hostReport.findUniqueOrThrow({ where: { hostId: mac.hostId } });

async function isDue(mac: Mac): Promise<boolean> {
  const state = await controller.database.prisma.hostState.findUniqueOrThrow({ where: { hostId: mac.hostId } });
  return state.dueAt !== null;
}

/** As the evaluator leaves a host that it has just looked at. */
async function evaluated(mac: Mac): Promise<void> {
  const { prisma } = controller.database;
  await prisma.hostState.update({ where: { hostId: mac.hostId }, data: { dueAt: null, presence: 'online' } });
}

/** A stream of nudges with everything that came out of it. */
function listen(mac: Mac) {
  const seen: string[] = [];
  const ended: { code: string | null } = { code: null };
  const stream = mac.client.nudges({ sessionNumber: mac.session });
  stream.on('data', ({ kind }: Nudge) => seen.push(kind));
  stream.on('error', (error: ServiceError) => {
    ended.code = codeOf(error);
  });
  stream.on('end', () => {
    ended.code ??= 'ended';
  });
  return { stream, seen, ended };
}

/** Nudges are lost until the stream is registered: shown by one that arrives. Of `work` none is on its way any more. */
async function listening(mac: Mac) {
  const nudges = listen(mac);
  await waitFor(() => {
    controller.bus.publish({ kind: 'notice', hostId: mac.hostId });
    return nudges.seen.length > 0;
  });
  return nudges;
}

/** The error of a call that has to fail. */
function failed(mac: Mac, rpc: string, request: object, responseStream: boolean): Promise<ServiceError> {
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null) =>
      error === null ? reject(new Error(`${rpc} was accepted`)) : resolve(error);
    const { client } = mac as unknown as { readonly client: Readonly<Record<string, (...args: unknown[]) => Stream>> };
    const stream = client[rpc]?.(request, ...(responseStream ? [] : [done]));
    if (responseStream) stream?.on('error', done);
  });
}
type Stream = { on(event: 'error', listener: (error: ServiceError) => void): void };

describe('who may speak', () => {
  it('lets nobody in without a certificate', async () => {
    const client = dial(controller, null);
    const error = await new Promise<ServiceError | null>((resolve) =>
      client.lease({ sessionNumber: 1n }, (failed) => resolve(failed)),
    );
    client.close();
    expect(error?.code).toBe(status.UNAVAILABLE);
    expect(error?.metadata.get('headroom-code')).toEqual([]);
  });

  it('refuses a certificate of the fleet that the table of certificates does not know', async () => {
    const mac = await Mac.enrol(controller);
    await controller.database.prisma.certificate.deleteMany({ where: { hostId: mac.hostId } });
    expect(await refusal(mac.openSession())).toBe('HOST_UNKNOWN');
  });

  it('refuses another hardware UUID than the one enrolled', async () => {
    const mac = await Mac.enrol(controller);
    expect(await refusal(mac.openSession(0n, '00000000-0000-0000-0000-000000000000'))).toBe('HOST_UUID_DIFFERS');
  });

  it('cuts the live stream of a revoked certificate at once, and admits nothing more', async () => {
    const mac = await Mac.enrol(controller);
    await mac.openSession();
    const { ended } = await listening(mac);
    const { serial } = await controller.database.prisma.certificate.findFirstOrThrow({ where: { hostId: mac.hostId } });
    await controller.certificates.revoke(serial, 'token:test', 'stolen');
    await waitFor(() => ended.code, AT_ONCE_MS);
    expect(ended.code).toBe('CERTIFICATE_REVOKED');
    expect(await refusal(mac.checkIn(null))).toBe('CERTIFICATE_REVOKED');
    expect(await refusal(mac.openSession())).toBe('CERTIFICATE_REVOKED');
  });
});

describe('sessions', () => {
  it('fences the older one: its calls are refused, its stream of nudges ends', async () => {
    const mac = await Mac.enrol(controller);
    const first = await mac.openSession();
    const { ended } = await listening(mac);
    const second = await mac.twin().openSession();
    expect(second.sessionNumber).toBeGreaterThan(first.sessionNumber);
    await waitFor(() => ended.code, AT_ONCE_MS);
    expect(ended.code).toBe('SESSION_FENCED');
    const calls = [
      () => mac.checkIn(null),
      () => mac.lease(),
      () => mac.renew('x', 1),
      () => mac.finish({ jobId: 'x' }),
    ];
    for (const call of calls) expect(await refusal(call())).toBe('SESSION_FENCED');
    const again = listen(mac);
    await waitFor(() => again.ended.code);
    expect(again.ended.code).toBe('SESSION_FENCED');
  });

  it('moves past a higher generation that the agent has seen, and replaces the plan it would decline', async () => {
    const mac = await Mac.enrol(controller);
    const { planId, jobId } = await openPlan(controller, mac, [{ kind: 'collect_facts' }], 3);
    await mac.openSession(7n);
    const { prisma } = controller.database;
    expect((await reportOf(mac)).generation).toBe(7n);
    expect(await prisma.plan.findUniqueOrThrow({ where: { id: planId } })).toMatchObject({ state: 'superseded' });
    expect(await prisma.job.findUniqueOrThrow({ where: { id: jobId } })).toMatchObject({ state: 'cancelled' });
    expect((await mac.lease()).job).toBeUndefined();
  });
});

describe('check-ins', () => {
  it('takes facts once, asks for those it lacks, and makes a host due only when something changed', async () => {
    const mac = await Mac.enrol(controller);
    await mac.openSession();
    await evaluated(mac);
    const facts = mac.facts();
    const sha256 = sha256Hex(factsBytes(facts));
    expect((await mac.checkIn(null, mac.position(), sha256)).factsWanted).toBe(true);
    expect(await isDue(mac)).toBe(false);
    expect((await mac.checkIn(facts)).factsWanted).toBe(false);
    expect(await isDue(mac)).toBe(true);
    await evaluated(mac);
    expect((await mac.checkIn(null, mac.position(), sha256)).factsWanted).toBe(false);
    await mac.checkIn(facts);
    expect(await isDue(mac)).toBe(false);
    expect(await reportOf(mac)).toMatchObject({ factsSha256: sha256, facts: JSON.parse(JSON.stringify(facts)) });
  });

  it('makes a host due that had been thought silent', async () => {
    const mac = await Mac.enrol(controller);
    await mac.openSession();
    await evaluated(mac);
    const { prisma } = controller.database;
    await prisma.hostState.update({ where: { hostId: mac.hostId }, data: { presence: 'silent' } });
    await mac.checkIn(null);
    expect(await isDue(mac)).toBe(true);
  });

  it('remembers by its own clock when a boot was first seen', async () => {
    const mac = await Mac.enrol(controller);
    await mac.openSession();
    const first = await reportOf(mac);
    await evaluated(mac);
    controller.clock.advance(60_000);
    await mac.openSession();
    expect((await reportOf(mac)).bootFirstSeenAt).toEqual(first.bootFirstSeenAt);
    expect(await isDue(mac)).toBe(false);
    const rebooted = mac.twin();
    await rebooted.openSession();
    const second = await reportOf(mac);
    expect(second.bootSessionId).toBe(rebooted.bootSessionId);
    expect(second.bootFirstSeenAt?.getTime()).toBeGreaterThan((first.bootFirstSeenAt?.getTime() ?? 0) + 59_000);
    expect(await isDue(mac)).toBe(true);
  });

  it('drops a report that is older than one taken, with a plain answer', async () => {
    const mac = await Mac.enrol(controller);
    await mac.openSession();
    const newer = mac.facts({ fileVault: 'on' });
    const older = mac.facts({ fileVault: 'off' });
    await mac.checkIn(newer, mac.position(5n));
    for (const position of [mac.position(4n), mac.position(5n), mac.position(99n, 0)])
      await mac.checkIn(older, position);
    expect(await reportOf(mac)).toMatchObject({ sequence: 5n, bootOrdinal: 1, facts: { fileVault: 'on' } });
    await mac.checkIn(older, mac.position(1n, 2));
    expect(await reportOf(mac)).toMatchObject({ sequence: 1n, bootOrdinal: 2, facts: { fileVault: 'off' } });
  });

  it('refuses facts that do not fit the schema, belong to another Mac or do not have the sha256 given', async () => {
    const mac = await Mac.enrol(controller);
    await mac.openSession();
    const { os: _, ...withoutOs } = mac.facts();
    expect(await refusal(mac.checkIn(withoutOs as ReturnType<Mac['facts']>))).toBe('FACTS_INVALID');
    expect(await refusal(mac.checkIn(mac.facts(), mac.position(), 'ab'.repeat(32)))).toBe('FACTS_INVALID');
    const other = await Mac.enrol(controller);
    expect(await refusal(mac.checkIn(other.facts()))).toBe('HOST_UUID_DIFFERS');
    expect((await reportOf(mac)).factsSha256).toBeNull();
  });

  it('takes a number that no Mac can have as unknown, and all else that the Mac says', async () => {
    const mac = await Mac.enrol(controller);
    await mac.openSession();
    const guests = { processesAtMost: 1e12, derivedQuota: 2, suspectedLeaked: null, witness: null };
    await mac.checkIn(mac.facts({ guests, fileVault: 'on' }));
    expect((await reportOf(mac)).facts).toMatchObject({
      fileVault: 'on',
      guests: { processesAtMost: null, derivedQuota: 2 },
      unknown: { 'guests.processesAtMost': 'expected at most 2147483647, seen 1000000000000' },
    });
    expect((await mac.checkIn(null, undefined, (await reportOf(mac)).factsSha256 ?? '')).factsWanted).toBe(false);
  });

  it('refuses text that no table can hold in every procedure, with the name of its field', async () => {
    const mac = await Mac.enrol(controller);
    await mac.openSession();
    const refused: string[] = [];
    for (const [rpc, { requestDeserialize, responseStream }] of Object.entries(AgentServiceService)) {
      // Optional ones are not in an empty message.
      const empty: object = { ...requestDeserialize(Buffer.alloc(0)), ...(rpc === 'checkIn' && { grantKeyId: '' }) };
      for (const [field, value] of Object.entries(empty)) {
        const unfit = typeof value === 'string' ? 'a\0b' : Array.isArray(value) ? ['a\0b'] : null;
        if (unfit === null || ['progress', 'errorDetail'].includes(field)) continue;
        const error = await failed(mac, rpc, { ...empty, [field]: unfit }, responseStream);
        expect([rpc, field, error.code, codeOf(error)]).toEqual([rpc, field, INVALID_ARGUMENT, 'VALIDATION_FAILED']);
        refused.push(error.details.replace(/^VALIDATION_FAILED: ([\w.]+): expected text without U\+0000.*$/, '$1'));
      }
    }
    expect(refused).toEqual([
      ...['agent_version', 'capabilities.0', 'host_uuid', 'boot_session_id', 'facts_sha256', 'grant_key_id'],
      'retired_grant_key_ids.0',
      ...['job_id', 'job_id', 'error_code', 'sha256', 'public_key_pem'],
    ]);
  });

  it('keeps a line that quotes such text, so that a step can end', async () => {
    const mac = await Mac.enrol(controller);
    await mac.openSession();
    const { jobId } = await openPlan(controller, mac, [{ kind: 'collect_facts' }]);
    const leaseNumber = (await mac.lease()).job?.leaseNumber ?? 0;
    expect(await mac.renew(jobId, leaseNumber, 'half\0way')).toMatchObject({ stillYours: true });
    const report = { outcome: Outcome.FAILED, errorCode: 'VALIDATION_FAILED', errorDetail: 'seen \0 at 7' };
    expect(await mac.finish({ jobId, leaseNumber, generation: 1n, ...report })).toMatchObject({ accepted: true });
    const job = await controller.database.prisma.job.findUniqueOrThrow({ where: { id: jobId } });
    expect([job.progress, job.errorDetail]).toEqual(['half way', 'seen \uFFFD at 7']);
  });

  it('refuses a message above 1 MB', async () => {
    const mac = await Mac.enrol(controller);
    await mac.openSession();
    const huge = mac.facts({ unknown: { os: 'x'.repeat(1024 * 1024) } });
    await expect(mac.checkIn(huge)).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  });
});

describe('nudges', () => {
  it('reach the host that has work, and no other', async () => {
    const [mac, other] = [await Mac.enrol(controller), await Mac.enrol(controller)];
    await mac.openSession();
    await other.openSession();
    const mine = await listening(mac);
    const theirs = await listening(other);
    controller.bus.publish({ kind: 'work', hostId: mac.hostId });
    await waitFor(() => mine.seen.includes('work'));
    expect(theirs.seen).not.toContain('work');
    for (const { stream } of [mine, theirs]) stream.cancel();
  });

  it('come at once when there is work as the stream opens', async () => {
    const mac = await Mac.enrol(controller);
    await openPlan(controller, mac, [{ kind: 'collect_facts' }]);
    await mac.openSession();
    const { seen, stream } = listen(mac);
    await waitFor(() => seen.length > 0);
    stream.cancel();
  });

  it('stay silent when switched off, and the check-in still says that there is work', async () => {
    const silent = await startController({ nudges: false });
    try {
      const mac = await Mac.enrol(silent);
      await mac.openSession();
      const { seen, ended, stream } = listen(mac);
      await openPlan(silent, mac, [{ kind: 'collect_facts' }]);
      expect((await mac.checkIn(null)).workAvailable).toBe(true);
      for (let n = 0; n < 10; n++) {
        silent.bus.publish({ kind: 'work', hostId: mac.hostId });
        await sleep(50);
      }
      expect([seen, ended.code]).toEqual([[], null]);
      stream.cancel();
    } finally {
      await silent.stop();
    }
  });
});

const FLOOD = 240;

describe('a Mac that calls without end', () => {
  it('is refused beyond its share, is named, and keeps no other from being served', async () => {
    const [flood, good] = [await Mac.enrol(controller), await Mac.enrol(controller)];
    await flood.openSession();
    await good.openSession();
    controller.callTime.stoppedAt = performance.now();
    const calls = Array.from({ length: FLOOD }, () =>
      flood.lease().then(
        () => null,
        (error: ServiceError) => error,
      ),
    );
    // From here on each refusal comes late.
    await waitFor(() => controller.calls.refused().length > 0);
    const isOver = Promise.all(calls).then(() => 'flood is over');
    expect(await Promise.race([good.lease().then(() => 'served'), isOver]), 'while the flood waits').toBe('served');
    const ends = await Promise.all(calls);
    controller.callTime.stoppedAt = null;
    const refused = ends.filter((error) => error !== null);
    expect(new Set(refused.map((error) => `${codeOf(error)} ${error.code}`))).toEqual(
      new Set([`RATE_LIMITED ${status.RESOURCE_EXHAUSTED}`]),
    );
    expect(FLOOD - refused.length).toBeLessThanOrEqual(200);
    expect(controller.calls.refused()).toEqual([[flood.hostId, refused.length]]);
  });
});
