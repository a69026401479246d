import { emptyFacts } from '@headroom/core';
import type { FinishReply, FinishRequest, Job } from '@headroom/proto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal } from '../runner/journal.ts';
import type { AgentStatus } from '../state/status-file.ts';
import { type FakeMac, fakeMac } from '../testing/fake-mac.ts';
import type { Controller } from './client.ts';
import { ControllerError } from './controller-error.ts';
import { newFactsSender } from './facts-sender.ts';
import { sendOldReports, type WorkPorts, workThrough } from './leased-work.ts';
import { newRefusedReports } from './refused-reports.ts';
import type { Session } from './session.ts';

let mac: FakeMac;
beforeEach(() => {
  mac = fakeMac();
});
afterEach(() => mac.remove());

const session: Session = {
  number: 7n,
  checkInMs: 1000,
  leaseTtlMs: 1000,
  grantKeyRotations: [],
  grantKeyRetirements: [],
  position: () => ({ sessionNumber: 7n, bootOrdinal: 1, sequence: 1n }),
};

function leasedJob(leaseNumber: number, jobId = 'job-1'): Job {
  const nothing = Buffer.alloc(0);
  return {
    ...{ jobId, kind: 'collect_facts', leaseNumber, leaseTtlMs: 1000, generation: 0n, stepIndex: 0 },
    ...{ plan: nothing, planSignature: nothing },
  };
}

/** A controller that leases these jobs in turn and answers each finish with the next reply; an Error is an answer that was lost. */
async function work(jobs: Job[], replies: (FinishReply | Error)[]) {
  const finished: FinishRequest[] = [];
  const unused = () => {
    throw new Error('not used in this test');
  };
  const controller: Controller = {
    ...{ openSession: unused, checkIn: unused, nudges: unused, fetchKdk: unused, close: () => {} },
    ...{ renewCertificate: unused, useCertificate: unused, connect: unused },
    lease: async () => jobs.shift(),
    renew: async () => ({ stillYours: true, leaseTtlMs: 1000 }),
    async finish(request) {
      finished.push(request);
      const reply = replies.shift();
      if (reply === undefined || reply instanceof Error) throw reply ?? new Error('no reply left');
      return reply;
    },
  };
  const journal = await openJournal(mac);
  let factsRead = 0;
  const said: Partial<AgentStatus>[] = [];
  const ports: WorkPorts = {
    controller,
    sender: newFactsSender(),
    status: {
      update: async (change) => void said.push(change),
      clearError: async () => {},
      text: () => '',
      visit: () => null,
    },
    refused: newRefusedReports(),
    runner: {
      ...{ mac, journal, identity: null, verify: () => false, openKdkImage: unused, kitSource: '/nonexistent' },
      facts: async () => {
        factsRead += 1;
        return emptyFacts('not read in this test');
      },
      now: () => new Date(),
      log: () => {},
    },
  };
  return { ports, journal, finished, said, reads: () => factsRead };
}

const ACCEPTED: FinishReply = { accepted: true, code: '', workAvailable: false };
const signal = new AbortController().signal;

describe('reports of jobs', () => {
  it('are pruned once taken', async () => {
    const { ports, journal, finished } = await work([leasedJob(1)], [ACCEPTED]);
    await workThrough(ports, session, signal);
    expect(finished).toMatchObject([{ jobId: 'job-1', leaseNumber: 1 }]);
    expect(await journal.all()).toEqual([]);
  });

  it('are sent again when the answer was lost', async () => {
    const { ports, journal, finished } = await work([leasedJob(1)], [new Error('connection reset'), ACCEPTED]);
    await expect(workThrough(ports, session, signal)).rejects.toThrow('connection reset');
    expect(await journal.all()).toHaveLength(1);
    await sendOldReports(ports, session);
    expect(finished).toHaveLength(2);
    expect(await journal.all()).toEqual([]);
  });

  it('are set aside when refused for good, and the job is not run again', async () => {
    const refusal = () => new ControllerError('FACTS_INVALID', 3, 'Finish: facts');
    const jobs = [leasedJob(1), leasedJob(2)];
    const { ports, journal, finished, said } = await work(jobs, Array.from({ length: 9 }, refusal));
    await expect(workThrough(ports, session, signal)).rejects.toThrow('facts');
    for (let attempt = 2; attempt <= 4; attempt += 1)
      await expect(sendOldReports(ports, session)).rejects.toThrow('facts');
    await sendOldReports(ports, session);
    expect(said.at(-1)).toMatchObject({ lastError: { code: 'REPORT_REFUSED' } });
    await sendOldReports(ports, session);
    await workThrough(ports, session, signal);
    expect(finished).toHaveLength(5);
    expect(await journal.all()).toMatchObject([{ phase: 'reported' }]);
  });

  it.each(['SESSION_FENCED', 'HOST_UNKNOWN', null] as const)('are never set aside for %s', async (code) => {
    const lost = () => new ControllerError(code, 14, 'Finish: lost');
    const { ports, finished } = await work([leasedJob(1)], [...Array.from({ length: 8 }, lost), ACCEPTED]);
    await expect(workThrough(ports, session, signal)).rejects.toThrow('lost');
    for (let attempt = 2; attempt <= 8; attempt += 1)
      await expect(sendOldReports(ports, session)).rejects.toThrow('lost');
    await sendOldReports(ports, session);
    expect(finished).toHaveLength(9);
  });

  it('go out under the newer lease when the old one lapsed', async () => {
    const stale = { ...ACCEPTED, accepted: false, code: 'FINISH_STALE_LEASE' };
    const { ports, journal, finished } = await work([leasedJob(1), leasedJob(2)], [stale, ACCEPTED]);
    await workThrough(ports, session, signal);
    expect(await journal.all()).toHaveLength(1);
    await workThrough(ports, session, signal);
    expect(finished.map(({ leaseNumber }) => leaseNumber)).toEqual([1, 2]);
    expect(finished[1]?.resultJson).toEqual(finished[0]?.resultJson);
    expect(await journal.all()).toEqual([]);
  });

  it('are dropped when the controller no longer knows the job, and when another job is leased', async () => {
    const unknown = { ...ACCEPTED, accepted: false, code: 'FINISH_UNKNOWN_JOB' };
    const stale = { ...ACCEPTED, accepted: false, code: 'FINISH_STALE_LEASE' };
    const { ports, journal } = await work(
      [leasedJob(1), leasedJob(1, 'job-2'), leasedJob(1, 'job-3')],
      [unknown, stale, ACCEPTED],
    );
    await workThrough(ports, session, signal);
    expect(await journal.all()).toEqual([]);
    await workThrough(ports, session, signal);
    expect((await journal.all()).map(({ job }) => job.jobId)).toEqual(['job-2']);
    await workThrough(ports, session, signal);
    expect(await journal.all()).toEqual([]);
  });
});
