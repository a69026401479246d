/** What an admin does: gives a quota to Macs with one call, sees each move, finds them, and learns what blocks which. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { guestQuota, loadState, updateMac, writeKdkImage } from '@headroom/mac-sim';
import type { FleetMember, HostRow, Page } from '@headroom/quickstart';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHOICES, TestFleet } from './support/fleet.ts';
import { until } from './support/until.ts';

interface Readiness {
  readonly hosts: number;
  readonly byState: Readonly<Record<string, number>>;
  readonly blockedBy: readonly {
    readonly code: string;
    readonly title: string;
    readonly nextStep: string;
    readonly hosts: number;
    readonly samples: readonly { readonly id: string }[];
  }[];
}

/** Systems whose KDKs nobody has given to the controller yet. */
const NEW = {
  put: { version: '26.2', build: '25C56' },
  inbox: { version: '14.6.1', build: '23G93' },
} as const;

let fleet: TestFleet;
let policies = 0;

beforeAll(async () => {
  fleet = await TestFleet.start([CHOICES.sonoma, CHOICES.sequoia, CHOICES.sonoma, CHOICES.sequoia]);
}, 120_000);
afterAll(() => fleet?.stop(), 60_000);

const named = () => [fleet.member(0), fleet.member(1)];
const labelled = () => [fleet.member(2), fleet.member(3)];

describe('one call', () => {
  it('gives a quota to a list of Macs: each of them moves, nobody else', async () => {
    await assign({ quota: 16, selector: { hosts: named().map(({ hostId }) => hostId) } });
    for (const member of named())
      await fleet.hostUntil(member, 'ready for a visit', ({ state }) => state === 'ready_for_visit', 120_000);
    for (const member of labelled()) expect(await fleet.host(member)).toMatchObject({ quotaWanted: 2, plan: null });
  }, 130_000);

  it('and technicians bring each to exactly that quota', async () => {
    await fleet.raise(named());
    for (const member of named()) expect(quotaOf(member)).toBe(16);
  }, 160_000);

  it('changes it on raised Macs: stored by the agent, in force after one restart', async () => {
    await assign({ quota: '0x40', selector: { hosts: named().map(({ mac }) => mac.hardwareUuid) } });
    for (const member of named()) {
      const host = await fleet.hostUntil(
        member,
        'a restart visit for the other quota',
        ({ state, visit }) => state === 'raised_other_value' && visit?.kind === 'restart' && visit.state === 'due',
      );
      expect(host.plan?.steps.map(({ kind }) => kind)).toEqual(['set_boot_args']);
      expect(host.quotaWanted).toBe(64);
    }
    await fleet.raise(named());
    for (const member of named()) expect(quotaOf(member)).toBe(64);
  }, 160_000);
});

describe('what blocks', () => {
  it('readiness names the exact build whose KDK is missing, and which Macs wait for it', async () => {
    const [first, second] = labelled();
    updateMac(first?.mac.dir ?? '', NEW.inbox);
    updateMac(second?.mac.dir ?? '', NEW.put);
    for (const member of labelled()) {
      const { build } = member === first ? NEW.inbox : NEW.put;
      await fleet.hostUntil(member, 'facts of the new system', ({ facts }) => facts?.['os']?.['build'] === build);
      await label('PUT', member.hostId);
    }
    await assign({ quota: 32, selector: { labels: ['lab'] } });
    for (const [member, { build }] of [
      [fleet.member(2), NEW.inbox],
      [fleet.member(3), NEW.put],
    ] as const) {
      const host = await fleet.hostUntil(member, 'KDK missing', ({ findings }) =>
        findings.some(({ code, title }) => code === 'KDK_NOT_IN_CATALOGUE' && title.includes(build)),
      );
      expect(host.state).toBe('kdk_missing');
      expect(host.findings).toContainEqual(
        expect.objectContaining({
          code: 'KDK_NOT_IN_CATALOGUE',
          severity: 'blocker',
          nextStep: `Download the Kernel Debug Kit for exactly build ${build} from Apple and upload it (PUT /api/v1/kdks). A near build is not used.`,
        }),
      );
    }
    const { hosts, byState, blockedBy } = await fleet.fleet.api.get<Readiness>('/api/v1/readiness');
    expect({ hosts, byState }).toEqual({ hosts: 4, byState: { raised: 2, kdk_missing: 2 } });
    const cause = blockedBy.find(({ code }) => code === 'KDK_NOT_IN_CATALOGUE');
    expect(cause?.samples.map(({ id }) => id).sort()).toEqual(
      labelled()
        .map(({ hostId }) => hostId)
        .sort(),
    );
    expect(cause?.hosts).toBe(2);
  }, 60_000);

  it('the KDK by PUT unblocks its Mac by itself', async () => {
    const path = kdkImage(NEW.put);
    const bytes = readFileSync(path);
    await fleet.fleet.api.put(`/api/v1/kdks?fileName=${basename(path)}`, bytes, { 'x-checksum-sha256': sha256(bytes) });
    await fleet.hostUntil(fleet.member(3), 'ready for a visit', ({ state }) => state === 'ready_for_visit', 60_000);
    expect((await fleet.host(fleet.member(2))).state).toBe('kdk_missing');
  }, 70_000);

  it('the KDK in the watch folder, with its sha256, unblocks the other', async () => {
    const path = kdkImage(NEW.inbox);
    const inbox = join(fleet.stateDir, 'controller/kdk-inbox');
    writeFileSync(join(inbox, `${basename(path)}.sha256`), `${sha256(readFileSync(path))}  ${basename(path)}\n`);
    renameSync(path, join(inbox, basename(path)));
    await fleet.hostUntil(fleet.member(2), 'ready for a visit', ({ state }) => state === 'ready_for_visit', 60_000);
    await until(
      'nothing blocks any more',
      async () => {
        const { blockedBy } = await fleet.fleet.api.get<Readiness>('/api/v1/readiness');
        return { met: blockedBy.length === 0, value: null, seen: JSON.stringify(blockedBy) };
      },
      10_000,
    );
  }, 80_000);
});

describe('the list of Macs', () => {
  it('filters by label, by state, and by both', async () => {
    const [third, fourth] = labelled().map(({ hostId }) => hostId);
    expect(await ids('label=lab')).toEqual([third, fourth].sort());
    expect(await ids('state=raised')).toEqual(
      named()
        .map(({ hostId }) => hostId)
        .sort(),
    );
    expect(await ids('label=lab&state=raised')).toEqual([]);
    expect(await ids('label=lab&label=quickstart')).toHaveLength(2);
    await label('DELETE', third ?? '');
    expect(await ids('label=lab')).toEqual([fourth]);
  });

  it('pages by cursor: each Mac once, in a fixed order', async () => {
    const seen: string[] = [];
    let cursor: string | null = '';
    let pages = 0;
    while (cursor !== null) {
      const more: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page: Page<HostRow> = await fleet.fleet.api.get(`/api/v1/hosts?limit=3${more}`);
      expect(page.items.length).toBeLessThanOrEqual(3);
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
      pages += 1;
    }
    expect(pages).toBe(2);
    expect(seen).toEqual(await ids('limit=200'));
    expect(new Set(seen).size).toBe(4);
  });
});

interface Wanted {
  readonly quota: number | string;
  readonly selector: { readonly hosts?: readonly string[]; readonly labels?: readonly string[] };
}

/** The one call. */
async function assign(wanted: Wanted): Promise<void> {
  const { api } = fleet.fleet;
  const { version: acceptClause } = await api.get<{ version: string }>('/api/v1/licence-clause');
  const exception = { purpose: 'CI guests', reason: 'test', acceptClause, expiresInDays: 90, confirmHighQuota: true };
  policies += 1;
  // The newest has the highest standing.
  await api.post('/api/v1/policies', {
    name: `policy ${policies}`,
    priority: policies,
    ...wanted,
    exception,
    apply: true,
  });
}

async function label(method: 'PUT' | 'DELETE', hostId: string): Promise<void> {
  const { apiUrl, adminToken } = fleet.fleet.controller;
  const headers = { authorization: `Bearer ${adminToken}` };
  const { ok, status } = await fetch(`${apiUrl}/api/v1/hosts/${hostId}/labels/lab`, { method, headers });
  expect(ok, `status ${status}`).toBe(true);
}

async function ids(query: string): Promise<readonly string[]> {
  const { items } = await fleet.fleet.api.get<Page<HostRow>>(`/api/v1/hosts?${query}`);
  return items.map(({ id }) => id);
}

/** What the simulated kernel itself lets run. */
function quotaOf({ mac }: FleetMember): number | null {
  const { boot } = loadState(mac.dir);
  return boot === null ? null : guestQuota(boot);
}

function kdkImage({ version, build }: { readonly version: string; readonly build: string }): string {
  const folder = join(fleet.stateDir, 'downloads');
  mkdirSync(folder, { recursive: true });
  return writeKdkImage(folder, { os: version, build }).path;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
