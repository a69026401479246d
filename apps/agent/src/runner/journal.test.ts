/** The journal takes nothing for a record that it does not understand: what was done is then found out by the step's check. */
import { appendFileSync, readdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type FakeMac, fakeMac } from '../testing/fake-mac.ts';
import { type Journal, type JournalRecord, openJournal } from './journal.ts';

const record: JournalRecord = {
  job: { jobId: 'job-1', kind: 'build_kc', leaseNumber: 1, generation: 3, stepIndex: 0, planText: '{}' },
  phase: 'reported',
  report: { outcome: 'succeeded', code: null, detail: '', result: null },
};
let mac: FakeMac;
let journal: Journal;
let file: string;
beforeEach(async () => {
  mac = fakeMac();
  journal = await openJournal(mac);
  file = mac.path('/var/db/headroom/journal/job-1.json');
  await journal.write(record);
});
afterEach(() => mac.remove());

it('gives back what was written', async () => {
  expect(await journal.read('job-1')).toEqual(record);
  expect(await journal.all()).toEqual([record]);
});

const written = (change: object) => () => writeFileSync(file, JSON.stringify({ ...record, ...change }));
it.each<[string, () => void]>([
  ['one that was cut', () => truncateSync(file, 40)],
  ['one with something behind it', () => appendFileSync(file, 'x')],
  ['bytes that are no text', () => writeFileSync(file, Buffer.from([0xff, 0xfe, 0x00, 0x7b]))],
  ['a list', () => writeFileSync(file, '[]')],
  ['a phase of a newer agent', written({ phase: 'verified' })],
  ['an outcome of a newer agent', written({ report: { ...record.report, outcome: 'postponed' } })],
  ['a report without its detail', written({ report: { outcome: 'failed', code: 'DISK_FULL', result: null } })],
  ['a report that is not due', written({ phase: 'acting' })],
  ['the record of another job', written({ job: { ...record.job, jobId: 'job-2' } })],
  ['a lease number that is none', written({ job: { ...record.job, leaseNumber: '1' } })],
])('passes over %s, and writes anew', async (_what, spoil) => {
  spoil();
  expect(await journal.read('job-1')).toBe(null);
  expect(await journal.all()).toEqual([]);
  await journal.write(record);
  expect(await journal.read('job-1')).toEqual(record);
});

it('leaves no record of another job, a damaged one neither', async () => {
  await journal.write({ ...record, job: { ...record.job, jobId: 'job-2' } });
  writeFileSync(mac.path('/var/db/headroom/journal/job-3.json'), '{');
  writeFileSync(mac.path('/var/db/headroom/journal/.tool-7'), '{}');
  await journal.removeOthers('job-1');
  expect(readdirSync(mac.path('/var/db/headroom/journal')).sort()).toEqual(['.tool-7', 'job-1.json']);
});

it('takes fields and codes that only a newer agent knows, and tells the code as it is', async () => {
  const newer = {
    ...record,
    phase: 'reported',
    report: { ...record.report, outcome: 'failed', code: 'KDK_TOO_NEW', hint: 1 },
  };
  writeFileSync(file, JSON.stringify({ ...newer, writtenBy: '9.0' }));
  expect(await journal.read('job-1')).toMatchObject({ report: { code: 'KDK_TOO_NEW' } });
});

it('is not led elsewhere by a link', async () => {
  symlinkSync('/etc/hostname', mac.path('/var/db/headroom/journal/job-3.json'));
  expect(await journal.read('job-3')).toBe(null);
});
