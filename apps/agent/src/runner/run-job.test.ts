import { generateKeyPairSync } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { emptyFacts } from '@headroom/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pinnedVerifier } from '../grants/verify.ts';
import { type FakeMac, fakeMac } from '../testing/fake-mac.ts';
import type { LeasedJob } from './job.ts';
import { type Journal, openJournal, type Phase } from './journal.ts';
import { type RunnerPorts, runJob } from './run-job.ts';

const HOST = '11111111-2222-4333-8444-555555555555';
let mac: FakeMac;
let journal: Journal;
let phases: Phase[];
beforeEach(async () => {
  mac = fakeMac();
  const real = await openJournal(mac);
  phases = [];
  journal = {
    ...real,
    write: (record) => {
      phases.push(record.phase);
      return real.write(record);
    },
  };
});
afterEach(() => mac.remove());

function ports(changes: Partial<RunnerPorts> = {}): RunnerPorts {
  const { publicKey } = generateKeyPairSync('ed25519');
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const empty = emptyFacts('not read in this test');
  return {
    mac,
    journal,
    identity: null,
    verify: pinnedVerifier([{ keyId: 'key', pem }]),
    facts: async () => ({ ...empty, hardware: { ...empty.hardware, uuid: HOST } }),
    openKdkImage: () => {
      throw new Error('no image in this test');
    },
    kitSource: '/nonexistent',
    now: () => new Date('2026-11-23T12:00:00Z'),
    log: () => {},
    ...changes,
  };
}

const watch = () => ({ signal: new AbortController().signal, progress: () => {} });
const job: LeasedJob = {
  ...{ jobId: 'job-1', kind: 'collect_facts', leaseNumber: 1, generation: 0, stepIndex: 0, planText: '' },
};

describe('runJob', () => {
  it('journals each phase in order and ends with a report on disk', async () => {
    expect(await runJob(job, ports(), watch())).toMatchObject({ outcome: 'succeeded' });
    expect(phases).toEqual(['leased', 'acting', 'acted', 'reported']);
    expect(await journal.read('job-1')).toMatchObject({ phase: 'reported', report: { outcome: 'succeeded' } });
  });

  it('gives the same report again under a newer lease, without a second run', async () => {
    const first = await runJob(job, ports(), watch());
    phases.length = 0;
    expect(await runJob({ ...job, leaseNumber: 2 }, ports(), watch())).toEqual(first);
    expect(phases).toEqual(['reported']);
    expect(await journal.read('job-1')).toMatchObject({ job: { leaseNumber: 2 }, phase: 'reported' });
  });

  it('reads back first when it had acted before it was cut', async () => {
    await journal.write({ job, phase: 'acted', report: null });
    phases.length = 0;
    await runJob(job, ports(), watch());
    expect(phases).toEqual(['acted', 'reported']);
  });

  it('has no report when it was stopped, and goes on later', async () => {
    const stopped = new AbortController();
    stopped.abort();
    expect(await runJob(job, ports(), { signal: stopped.signal, progress: () => {} })).toBeNull();
    expect(await journal.read('job-1')).toMatchObject({ phase: 'leased', report: null });
    expect(await runJob(job, ports(), watch())).toMatchObject({ outcome: 'succeeded' });
  });

  it('refuses an unknown kind and a step without a plan, before anything', async () => {
    const unknown = await runJob({ ...job, kind: 'run_shell' }, ports(), watch());
    expect(unknown).toMatchObject({ outcome: 'refused', code: 'JOB_KIND_UNKNOWN' });
    const care = await runJob({ ...job, jobId: 'job-2', kind: 'install_kdk' }, ports(), watch());
    expect(care).toMatchObject({ outcome: 'refused', code: 'PLAN_UNREADABLE' });
    expect(phases).not.toContain('acting');
  });

  it('reports an unforeseen error as failed, with its text', async () => {
    const facts = () => Promise.reject(new Error('disk on fire'));
    const planText = JSON.stringify({
      ...{ schemaVersion: 1, planId: 'p', fleetId: 'f', hostId: 'h', hostUuid: HOST, generation: 0, intentNumber: 1 },
      ...{ quota: 2, steps: [{ kind: 'collect_facts' }], grant: null },
    });
    const report = await runJob({ ...job, planText }, ports({ facts }), watch());
    expect(report).toMatchObject({ outcome: 'failed', code: 'INTERNAL', detail: 'disk on fire' });
  });

  it.each(['leased', 'acting', 'acted', 'reported'] as const)(
    'tells of a disk that is too full for the record of %s, which would tell of it',
    async (phase) => {
      const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      const onFullDisk: Journal = {
        ...journal,
        write: (record) => (record.phase === phase ? Promise.reject(full) : journal.write(record)),
      };
      const report = await runJob(job, ports({ journal: onFullDisk }), watch());
      if (phase === 'reported') expect(report).toMatchObject({ outcome: 'succeeded' });
      else expect(report).toMatchObject({ outcome: 'failed', code: 'DISK_FULL' });
      expect(await runJob(job, ports(), watch()), 'once there is room').toMatchObject(
        phase === 'acting' || phase === 'acted' ? { code: 'DISK_FULL' } : { outcome: 'succeeded' },
      );
    },
  );

  it('does not go on without a journal for another reason', async () => {
    const gone = { ...journal, write: () => Promise.reject(new Error('EIO: i/o error')) };
    await expect(runJob(job, ports({ journal: gone }), watch())).rejects.toThrow(/EIO/);
  });

  it('takes a job id that is a path for an error, and writes nothing', async () => {
    await expect(runJob({ ...job, jobId: '../../etc/passwd' }, ports(), watch())).rejects.toThrow(/no job id/);
    expect(readdirSync(mac.path('/var/db/headroom/journal'))).toEqual([]);
  });
});
