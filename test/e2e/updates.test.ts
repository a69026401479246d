/** A macOS update ahead, on a simulated Mac: seen by the agent, it keeps the visit back until the risk is taken or its KDK is there. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { loadState, offerUpdate, writeKdkImage } from '@headroom/mac-sim';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CHOICES, type HostView, QUOTA, TestFleet } from './support/fleet.ts';

const NEXT = { version: '14.6', build: '23G80' };
let fleet: TestFleet;

beforeAll(async () => {
  fleet = await TestFleet.start([CHOICES.sonoma]);
  offerUpdate(fleet.member(0).mac.dir, { ...NEXT, prepared: true, enforcedAt: '2027-12-01T03:00:00' });
  await fleet.fleet.wantQuota(QUOTA);
}, 240_000);
afterAll(() => fleet?.stop(), 60_000);

const api = () => fleet.fleet.api;
const hasVisit = ({ visit }: HostView) => visit !== null && visit.state !== 'withdrawn';
const says = ({ findings }: HostView, code: string) => findings.some((finding) => finding.code === code);
const until = (what: string, wanted: (host: HostView) => boolean) =>
  fleet.hostUntil(fleet.member(0), what, wanted, 90_000);

it('the Mac is prepared for a visit that is not made, and says what would happen', async () => {
  const host = await until(
    'ready, and kept back',
    (seen) => seen.state === 'ready_for_visit' && says(seen, 'UPDATE_TWO_GUESTS'),
  );
  expect(hasVisit(host)).toBe(false);
  const finding = host.findings.find(({ code }) => code === 'UPDATE_TWO_GUESTS');
  expect(finding?.detail).toMatch(
    /No KDK for build 23G80 .*23G80 is prepared, .*enforces 23G80 at 2027-12-01T03:00:00.*kit is stale/,
  );
  expect(host.facts?.['update']).toMatchObject({ prepared: true, preparedTarget: NEXT, pending: [NEXT] });
  const { updates } = await api().get<{ updates: unknown[] }>('/api/v1/updates');
  expect(updates).toMatchObject([
    { target: '23G80', hosts: 1, prepared: 1, enforced: 1, firstEnforcedAt: '2027-12-01T03:00:00' },
  ]);
}, 120_000);

it('the visit is there while somebody takes the risk, and no longer', async () => {
  const body = { selector: { labels: ['quickstart'] }, targets: [NEXT.build], reason: 'A test' };
  const { id } = await api().post<{ id: string }>('/api/v1/update-acceptances', body);
  await until('visit, accepted', (seen) => hasVisit(seen) && says(seen, 'UPDATE_ACCEPTED'));
  await api().post(`/api/v1/update-acceptances/${id}/revoke`, {});
  await until('kept back again', (seen) => !hasVisit(seen) && says(seen, 'UPDATE_TWO_GUESTS'));
}, 120_000);

it('with the KDK for it the update is safe, and the Mac is raised', async () => {
  const { path, sha256 } = writeKdkImage(fleet.stateDir, { os: NEXT.version, build: NEXT.build });
  await api().put(`/api/v1/kdks?fileName=${basename(path)}`, readFileSync(path), { 'x-checksum-sha256': sha256 });
  await until('safe, with a visit', (seen) => hasVisit(seen) && says(seen, 'UPDATE_SAFE'));
  await fleet.raise();
  expect(loadState(fleet.member(0).mac.dir)).toMatchObject({ boot: { kernel: 'development' }, os: { build: '23F79' } });
  const { findings } = await fleet.host(fleet.member(0));
  expect(findings.find(({ code }) => code === 'UPDATE_REVERT_FIRST')?.detail).toContain('does not outlive the update');
}, 240_000);
