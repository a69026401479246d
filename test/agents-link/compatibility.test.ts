/** Older and newer agents: what one side does not know survives, and an agent of the first release still works. */

import { fileURLToPath } from 'node:url';
import { credentials, loadPackageDefinition, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { AgentServiceService, CheckInReply, FinishRequest, Job } from '@headroom/proto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RPC_PERMISSIONS } from '../../apps/controller/src/agents/rpc-permissions.ts';
import { startController, type TestController } from './support/controller.ts';
import { factsBytes, Mac, refusal, sha256Hex } from './support/mac.ts';
import { openPlan } from './support/plans.ts';

let controller: TestController;
beforeAll(async () => {
  controller = await startController();
});
afterAll(() => controller?.stop());

describe('what this version does not know', () => {
  // Field 5 (outcome) = 77; field 99 = "new" (length-delimited); field 98 = 7 (varint).
  const unknown = Buffer.from([0x28, 77, 0x9a, 0x06, 3, 0x6e, 0x65, 0x77, 0x90, 0x06, 7]);

  it('survives reading and writing, in what agents send', () => {
    const read = FinishRequest.decode(unknown);
    expect(read.outcome).toBe(77);
    const written = Buffer.from(FinishRequest.encode(read).finish());
    expect(written.length).toBe(unknown.length);
    for (const part of [unknown.subarray(0, 2), unknown.subarray(2, 8), unknown.subarray(8)])
      expect(written.includes(part), part.toString('hex')).toBe(true);
  });

  it('survives reading and writing, in what agents get', () => {
    for (const message of [Job, CheckInReply]) {
      const bytes = Buffer.from([0x9a, 0x06, 3, 0x6e, 0x65, 0x77]);
      expect(Buffer.from(message.encode(message.decode(bytes) as never).finish())).toEqual(bytes);
    }
  });

  it('is no reason to take an end of a job for a good one', async () => {
    const mac = await Mac.enrol(controller);
    await mac.openSession();
    const { jobId } = await openPlan(controller, mac, [{ kind: 'collect_facts' }]);
    const { job } = await mac.lease();
    expect(await refusal(mac.finish({ ...job, outcome: 77 as never }))).toBe('VALIDATION_FAILED');
    const row = await controller.database.prisma.job.findUniqueOrThrow({ where: { id: jobId } });
    expect(row.state).toBe('leased');
  });
});

describe('what an agent cannot do', () => {
  it('is never leased to it', async () => {
    const mac = await Mac.enrol(controller);
    await mac.openSession();
    await openPlan(controller, mac, [{ kind: 'clear_boot_args' } as never]);
    expect((await mac.lease()).job, 'an agent that lists nothing has the kinds of the first release').toBeUndefined();
    expect((await mac.checkIn(null)).workAvailable).toBe(false);
    await mac.openSession(0n, mac.hostUuid, ['collect_facts', 'clear_boot_args', 'something_new']);
    expect((await mac.lease()).job?.kind).toBe('clear_boot_args');
    await mac.openSession(0n, mac.hostUuid, ['collect_facts']);
    expect((await mac.lease()).job, 'downgraded').toBeUndefined();
  });
});

type Rpc = (request: object, done: (error: ServiceError | null, reply: Record<string, unknown>) => void) => void;

/** A client made from the proto of the first release, by another library: no line of ours is in between. */
function firstRelease(mac: Mac) {
  const file = fileURLToPath(new URL('../../packages/proto/released/agent.proto', import.meta.url));
  const loaded = loadPackageDefinition(loadSync(file, { longs: String, keepCase: true })) as unknown as {
    headroom: { agent: { v1: { AgentService: new (...args: unknown[]) => Record<string, Rpc> & { close(): void } } } };
  };
  const [ca, key, certificate] = [controller.keys.caPem, mac.keyPem, mac.certificatePem].map((pem) => Buffer.from(pem));
  const channel = credentials.createSsl(ca, key, certificate);
  const client = new loaded.headroom.agent.v1.AgentService(`localhost:${controller.agentPort}`, channel);
  const call = (name: string, request: object) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      (client[name] as Rpc).call(client, request, (error, reply) => (error === null ? resolve(reply) : reject(error)));
    });
  return { call, close: () => client.close() };
}

describe('an agent of the first release', () => {
  it('opens a session, reports, works a plan to its end and is told of no new thing', async () => {
    const mac = await Mac.enrol(controller);
    const agent = firstRelease(mac);
    const session = await agent.call('OpenSession', {
      agent_version: '0.1.0',
      capabilities: ['collect_facts'],
      host_uuid: mac.hostUuid,
      boot_session_id: mac.bootSessionId,
      boot_ordinal: 1,
      highest_generation: 0,
    });
    expect(session).toMatchObject({ session_number: expect.stringMatching(/^[1-9]\d*$/), host_id: mac.hostId });
    const { session_number } = session;
    const position = (sequence: number) => ({ session_number, boot_ordinal: 1, sequence });
    const facts_json = factsBytes(mac.facts());
    const facts_sha256 = sha256Hex(facts_json);
    const { planId } = await openPlan(controller, mac, [{ kind: 'collect_facts' }]);
    const checkIn = await agent.call('CheckIn', { position: position(1), facts_json, facts_sha256 });
    expect(checkIn).toMatchObject({ work_available: true });
    const { job } = (await agent.call('Lease', { session_number })) as { job: Record<string, unknown> };
    expect(job).toMatchObject({ kind: 'collect_facts', lease_number: 1 });
    const { job_id, lease_number, generation } = job;
    expect(await agent.call('Renew', { session_number, job_id, lease_number })).toMatchObject({ still_yours: true });
    const outcome = 'OUTCOME_SUCCEEDED';
    const end = { position: position(2), job_id, lease_number, generation, outcome, facts_json };
    expect(await agent.call('Finish', end)).toMatchObject({ accepted: true });
    const plan = await controller.database.prisma.plan.findUniqueOrThrow({ where: { id: planId } });
    expect(plan.state).toBe('done');
    agent.close();
  });
});

describe('every RPC', () => {
  it('has a permission, and no permission is for nothing', () => {
    const descriptor = fileURLToPath(new URL('../../packages/proto/proto/agent.proto', import.meta.url));
    const service = loadSync(descriptor)['headroom.agent.v1.AgentService'] as object;
    const names = Object.keys(service).map((name) => name[0]?.toLowerCase() + name.slice(1));
    expect(names.length).toBeGreaterThanOrEqual(8);
    expect(Object.keys(RPC_PERMISSIONS).sort()).toEqual([...names].sort());
    expect(Object.keys(AgentServiceService).sort()).toEqual([...names].sort());
  });

  it('is closed to a certificate that does not count', async () => {
    const mac = await Mac.enrol(controller);
    await controller.certificates.revoke(mac.serial, 'token:test', 'stolen');
    const client = mac.client as unknown as Record<string, Rpc>;
    for (const [name, { responseStream }] of Object.entries(AgentServiceService)) {
      const call = responseStream ? streamed(client, name) : unary(client, name);
      expect([name, await refusal(call)]).toEqual([name, 'CERTIFICATE_REVOKED']);
    }
  });
});

function unary(client: Record<string, Rpc>, name: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    client[name]?.({ ...EMPTY }, (error, reply) => (error === null ? resolve(reply) : reject(error)));
  });
}

function streamed(client: Record<string, Rpc>, name: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const open = client[name] as unknown as (request: object) => {
      on(event: string, listener: (value: unknown) => void): void;
    };
    const stream = open.call(client, { ...EMPTY });
    stream.on('error', reject);
    stream.on('data', resolve);
    stream.on('end', resolve);
  });
}

const nothing = Buffer.alloc(0);
/** Fits every request. */
const EMPTY = {
  ...{
    sessionNumber: 0n,
    highestGeneration: 0n,
    highestSession: 0n,
    generation: 0n,
    offset: 0n,
    bootOrdinal: 0,
    leaseNumber: 0,
    outcome: 0,
  },
  ...{ agentVersion: '', capabilities: [], hostUuid: '', bootSessionId: '', factsSha256: '', jobId: '', progress: '' },
  ...{ errorCode: '', errorDetail: '', sha256: '', publicKeyPem: '', retiredGrantKeyIds: [] },
  ...{ factsJson: nothing, resultJson: nothing, proof: nothing },
};
