/** A guest and an Intel Mac enrol like any other, get the policy by label, are told why they cannot be raised, and are left alone. */
import type { FleetMember } from '@headroom/quickstart';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHOICES, QUOTA, TestFleet } from './support/fleet.ts';

const CASES = [
  {
    what: 'a guest (VMAPPLE)',
    index: 0,
    finding: {
      code: 'HOST_IS_GUEST',
      severity: 'blocker',
      nextStep: 'Remove it from the policy: the quota is raised on the Mac that runs this guest.',
    },
  },
  {
    what: 'an Intel Mac (X86_64)',
    index: 1,
    finding: {
      code: 'HOST_INTEL',
      severity: 'blocker',
      nextStep: 'Remove this Mac from the policy: only Apple silicon Macs have a guest quota that can be raised.',
    },
  },
] as const;

let fleet: TestFleet;
let supported: FleetMember;

beforeAll(async () => {
  const { os, build } = CHOICES.sequoia;
  fleet = await TestFleet.start([{ variant: 'VMAPPLE', os, build }, { variant: 'X86_64', os, build }, CHOICES.sonoma]);
  supported = fleet.member(2);
  await fleet.fleet.wantQuota(QUOTA);
}, 120_000);
afterAll(() => fleet?.stop(), 60_000);

describe('Macs that can never be raised', () => {
  it('the Mac beside them, of the same policy, is raised', async () => {
    await fleet.raise([supported]);
  }, 160_000);

  it.each(CASES)('$what becomes unsupported, with the reason', async ({ index, finding }) => {
    const host = await fleet.hostUntil(fleet.member(index), 'unsupported', ({ state }) => state === 'unsupported');
    expect(host.intent.quota).toBe(QUOTA);
    expect(host.findings).toContainEqual(expect.objectContaining(finding));
    expect(host.findings.find(({ code }) => code === finding.code)?.evidence?.at).not.toBeNull();
  });

  it.each(CASES)('$what never gets a plan, a job or a visit', async ({ index }) => {
    const member = fleet.member(index);
    const host = await fleet.host(member);
    expect({ plan: host.plan, visit: host.visit }).toEqual({ plan: null, visit: null });
    for (const table of ['plan', 'job', 'visit'])
      expect(await fleet.sql(`SELECT id FROM ${table} WHERE host_id = $1`, [member.hostId]), table).toEqual([]);
    const jobs = await fleet.sql('SELECT id FROM job WHERE host_id = $1', [supported.hostId]);
    expect(jobs.length, 'jobs of the Mac that can be raised').toBeGreaterThan(0);
  });

  it('readiness names both causes', async () => {
    const { blockedBy, byState } = await fleet.fleet.api.get<{
      readonly byState: Readonly<Record<string, number>>;
      readonly blockedBy: readonly { readonly code: string; readonly hosts: number }[];
    }>('/api/v1/readiness');
    expect(byState).toEqual({ unsupported: 2, raised: 1 });
    for (const { finding } of CASES)
      expect(blockedBy).toContainEqual(expect.objectContaining({ code: finding.code, hosts: 1 }));
  });
});
