/**
 * What is raised can be taken back: one call, one visit without a code, proof of stock, nothing left; and it can be raised again.
 * It is taken back the same way, by itself, when its exception ends; until evidence says otherwise it is expired and still raised.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { guestQuota, loadState, startGuests, stopGuests } from '@headroom/mac-sim';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHOICES, type HostView, newestEvent, QUOTA, statesSince, summary, TestFleet } from './support/fleet.ts';
import { endExceptionAt } from './support/near-end.ts';
import { until } from './support/until.ts';

let fleet: TestFleet;
let since = '';

beforeAll(async () => {
  fleet = await TestFleet.start([CHOICES.sonoma]);
  await fleet.fleet.wantQuota(QUOTA);
  await fleet.raise();
}, 240_000);
afterAll(() => fleet?.stop(), 60_000);

const mac = () => fleet.member(0).mac;
const host = () => fleet.host(fleet.member(0));
/** What the simulated kernel itself lets run. */
const guests = () => {
  const { boot } = loadState(mac().dir);
  return boot === null ? null : guestQuota(boot);
};
const lies = (macPath: string): boolean => existsSync(join(mac().dir, macPath));

interface VisitRow {
  readonly guests: { readonly clearToShutDown: boolean | null };
}

/** What the Mac itself says of its visit to the tools on it. */
function saysVisit(phase: string): Promise<unknown> {
  const look = async () => {
    const text = readFileSync(join(mac().dir, 'private/var/db/headroom/status.json'), 'utf8');
    const { visit } = JSON.parse(text) as { visit: { phase: string } | null };
    return { met: visit?.phase === phase, value: null, seen: JSON.stringify(visit) };
  };
  return until(`its status file says ${phase}`, look, 30_000);
}

async function wantStock(): Promise<void> {
  const { api } = fleet.fleet;
  const { items } = await api.get<{ items: readonly { id: string; name: string }[] }>('/api/v1/policies');
  const [policy] = items;
  await api.post(`/api/v1/policies/${policy?.id}/revisions`, {
    quota: 'stock',
    selector: { labels: ['quickstart'] },
    apply: true,
  });
}

describe('the way back of one Mac', () => {
  it('begins with one call: the agent puts the boot arguments back, then a person is asked for', async () => {
    expect(guests()).toBe(QUOTA);
    since = newestEvent(await host());
    await wantStock();
    const due = await fleet.hostUntil(
      fleet.member(0),
      'revert visit due',
      ({ visit }) => visit?.kind === 'revert' && visit.state === 'due',
      60_000,
    );
    expect(loadState(mac().dir).nvram.stored).not.toHaveProperty('boot-args');
    expect(due.findings.map(({ code }) => code)).toContain('STILL_RAISED');
    expect(due).toMatchObject({
      state: 'raised',
      plan: { state: 'done', steps: [{ kind: 'disarm_kit' }, { kind: 'clear_boot_args' }] },
    });
    const kit = ['revert', 'raise', 'KernelCollection.kc'].map((name) => lies(`Library/Headroom/${name}`));
    expect(kit, 'what leads back stays until stock is proven, and nothing that raises').toEqual([true, false, false]);
  }, 70_000);

  it('is drained before: guests are counted, the Mac says so itself, and it is clear once none runs', async () => {
    const { visit } = await host();
    const path = `/api/v1/visits/${visit?.id}`;
    const untilClearIs = (wanted: boolean) =>
      until(
        `clear to shut down: ${wanted}`,
        async () => {
          const { clearToShutDown } = (await fleet.fleet.api.get<VisitRow>(path)).guests;
          return { met: clearToShutDown === wanted, value: null, seen: String(clearToShutDown) };
        },
        30_000,
      );
    startGuests(mac().dir, 1, 'macos');
    await fleet.fleet.api.post(`${path}/drain`, {});
    await untilClearIs(false);
    await saysVisit('drain');
    stopGuests(mac().dir, 1);
    await untilClearIs(true);
  }, 70_000);

  it('shows the line without a code', async () => {
    const { visit } = await host();
    const opened = await fleet.fleet.api.post(`/api/v1/visits/${visit?.id}/open`, {});
    expect(opened).toMatchObject({ kind: 'revert', code: null, line: 'sh /Volumes/*/Library/Headroom/revert' });
  });

  it('ends, by evidence, at stock with nothing left of the raise', async () => {
    const view = await until<HostView>(
      'reverted, and everything removed',
      async () => {
        await fleet.fleet.technicians.round();
        const seen = await host();
        const isClean = seen.plan?.state === 'done' && seen.plan.steps.some(({ kind }) => kind === 'remove_kdk');
        // The last evaluation follows the end of the plan.
        return {
          met: seen.state === 'reverted' && isClean && seen.waitsFor === null,
          value: seen,
          seen: summary(seen),
        };
      },
      120_000,
    );
    expect(view.plan?.steps.map(({ kind }) => kind)).toEqual(['remove_kit', 'remove_kc', 'remove_kdk']);
    expect(view).toMatchObject({ waitsFor: null, findings: [], visit: { kind: 'revert', state: 'closed' } });
    expect(statesSince(view, since)).toContain('reverted');
    const told = view.timeline.map(({ kind }) => kind).filter((kind) => ['visit.drain', 'visit.over'].includes(kind));
    expect(told.slice(0, 2), 'newest first').toEqual(['visit.over', 'visit.drain']);
    await saysVisit('over');
    expect(guests()).toBe(2);
    expect(loadState(mac().dir).policy).toMatchObject({ smb0: false, smb1: false, sip0: null, coih: null });
    expect(['Library/Headroom', 'private/var/db/headroom/kc'].filter(lies)).toEqual([]);
    expect(readdirSync(join(mac().dir, 'Library/Developer/KDKs'))).toEqual([]);
  }, 130_000);

  it('is done then: no plan and no visit follows', async () => {
    const before = await host();
    await mac().restart();
    const after = await fleet.hostUntil(
      fleet.member(0),
      'heard of after a restart',
      ({ facts, presence }) =>
        presence === 'online' && facts?.['boot']?.['ordinal'] !== before.facts?.['boot']?.['ordinal'],
      60_000,
    );
    expect(after.state).toBe('reverted');
    expect(after.plan?.id).toBe(before.plan?.id);
    expect(after.visit?.id).toBe(before.visit?.id);
  }, 70_000);

  it('can be raised again', async () => {
    await fleet.fleet.wantQuota(QUOTA);
    await fleet.raise();
    expect(guests()).toBe(QUOTA);
  }, 170_000);
});

describe('the end of its exception', () => {
  const SOON_MS = 3000;
  let exception = '';

  interface LedgerRow {
    readonly exceptionId: string;
    readonly state: string;
    readonly hostState: string | null;
    readonly evidenceHolds: number;
  }

  async function ledgerRow(): Promise<LedgerRow | undefined> {
    const { items: rows } = await fleet.fleet.api.get<{ items: readonly LedgerRow[] }>('/api/v1/exceptions/ledger');
    return rows.find(({ exceptionId }) => exceptionId === exception);
  }

  it('takes raise off the Mac and asks for a revert; the Mac is expired, still raised', async () => {
    since = newestEvent(await host());
    exception = await endExceptionAt(fleet, fleet.member(0), new Date(Date.now() + SOON_MS));
    const due = await fleet.hostUntil(
      fleet.member(0),
      'revert visit due, raise gone',
      ({ visit, plan }) => visit?.kind === 'revert' && visit.state === 'due' && plan?.state === 'done',
      60_000,
    );
    expect(due).toMatchObject({ state: 'raised', waitsFor: expect.stringMatching(/^Expired, still raised\. /) });
    expect(due.findings.map(({ title }) => title)).toContain('Expired, still raised');
    expect(due.plan?.steps.map(({ kind }) => kind)).toEqual(['disarm_kit', 'clear_boot_args']);
    const kit = ['revert', 'raise', 'KernelCollection.kc'].map((name) => lies(`Library/Headroom/${name}`));
    expect(kit, 'what leads back stays, and nothing that raises').toEqual([true, false, false]);
    expect(await ledgerRow()).toMatchObject({ state: 'expired', hostState: 'raised' });
    expect(guests()).toBe(QUOTA);
  }, 70_000);

  it('is over, by evidence, once a person has made the revert, and no earlier', async () => {
    const { visit } = await host();
    await fleet.fleet.api.post(`/api/v1/visits/${visit?.id}/open`, {});
    await fleet.fleet.api.post(`/api/v1/visits/${visit?.id}/done`, {});
    const said = await host();
    expect(
      said.findings.map(({ title }) => title),
      'a word is no evidence',
    ).toContain('Expired, still raised');
    const view = await until<HostView>(
      'reverted',
      async () => {
        await fleet.fleet.technicians.round();
        const seen = await host();
        return { met: seen.state === 'reverted' && seen.visit?.state === 'closed', value: seen, seen: summary(seen) };
      },
      120_000,
    );
    expect(view.visit).toMatchObject({ id: visit?.id, kind: 'revert', state: 'closed' });
    expect(view.findings.map(({ title }) => title)).not.toContain('Expired, still raised');
    expect(statesSince(view, since)).toContain('reverted');
    expect(guests()).toBe(2);
    expect(await ledgerRow()).toMatchObject({ state: 'expired', hostState: 'reverted' });
  }, 130_000);
});
