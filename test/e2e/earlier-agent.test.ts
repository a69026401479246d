/**
 * The agent of the release before, as it was shipped, under this controller: on one Mac it goes the whole way up and back. On another it
 * takes turns with this release's, each killed amid a job of its own: the other goes on with the state that it finds, and nothing is done twice.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guestQuota, loadState } from '@headroom/mac-sim';
import type { FleetMember } from '@headroom/quickstart';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HOME, makeRelease } from '../packaging/release.ts';
import { CHOICES, newStateDir, QUOTA, summary, TestFleet } from './support/fleet.ts';
import { InstalledAgents, kitOf, unpackEarlierAgent } from './support/installed-agents.ts';
import { expectClean, finishedNotOnce } from './support/once.ts';
import { until } from './support/until.ts';

/** Long enough to be killed in. */
const PACE = { installerMs: 1500, kmutilCreateMs: 1500 };
const folder = mkdtempSync(join(tmpdir(), 'headroom-earlier-'));
const installed = new InstalledAgents(join(folder, 'installed'));
const earlier = unpackEarlierAgent(join(folder, 'earlier'));
let present = '';
const stateDir = newStateDir();
let fleet: TestFleet;

beforeAll(async () => {
  const { layout } = await makeRelease(folder);
  present = join(layout, HOME, 'agent.cjs');
  installed.install('mac-1', earlier);
  installed.install('mac-2', present);
  const choices = [CHOICES.sonoma, CHOICES.sequoia];
  const agentMain = (name: string) => installed.mainOf(name);
  fleet = await TestFleet.resume(stateDir, choices, undefined, { agentMain });
}, 120_000);
afterAll(async () => {
  await fleet?.stop();
  for (const made of [folder, stateDir]) rmSync(made, { recursive: true, force: true });
}, 60_000);

const keeps = () => fleet.member(0);
const changes = () => fleet.member(1);
const raiseOn = ({ mac }: FleetMember) => readFileSync(join(mac.dir, 'Library/Headroom/raise'), 'utf8');

/** What the agent of this Mac said last that it can do: no two releases need say the same. */
async function abilitiesOf({ hostId }: FleetMember): Promise<string> {
  const [row] = await fleet.sql<{ said: string }>(
    `SELECT array_to_string(capabilities, ' ') AS said FROM host_report WHERE host_id = $1`,
    [hostId],
  );
  return row?.said ?? '';
}

async function replaceAmid(step: string, agentMain: string, abilities: string): Promise<void> {
  await installed.replaceAmid(step, changes().mac, agentMain);
  const look = async () => {
    const said = await abilitiesOf(changes());
    return { met: said === abilities, value: null, seen: said };
  };
  await until(`the other agent has taken over: ${abilities}`, look, 60_000);
}

/** Jobs that prepare a visit: how many there were of each kind, and whether an end of its lease cost one a try. */
function preparedBy({ hostId }: FleetMember) {
  return fleet.sql<{ kind: string; jobs: number; attempts: number }>(
    `SELECT kind, count(*)::int AS jobs, max(attempts) AS attempts FROM job
     WHERE host_id = $1 AND kind IN ('install_kdk', 'build_kc', 'place_kit') GROUP BY kind ORDER BY min(created_at)`,
    [hostId],
  );
}

it('prepares a Mac to its visit, and takes over from another agent amid a job and hands over', async () => {
  writeFileSync(join(changes().mac.dir, '.mac-sim/pace.json'), JSON.stringify(PACE));
  for (const member of fleet.fleet.members)
    await fleet.hostUntil(member, 'heard of', ({ factsAt }) => factsAt !== null);
  const before = { earlier: await abilitiesOf(keeps()), present: await abilitiesOf(changes()) };
  await fleet.fleet.wantQuota(QUOTA);
  await replaceAmid('install_kdk', earlier, before.earlier);
  await replaceAmid('build_kc', present, before.present);
  for (const member of fleet.fleet.members) {
    await fleet.hostUntil(member, 'ready for a visit', ({ visit }) => visit?.state === 'due', 120_000);
    expect(await preparedBy(member)).toEqual(
      ['install_kdk', 'build_kc', 'place_kit'].map((kind) => ({ kind, jobs: 1, attempts: 0 })),
    );
    await expectClean(member.mac.dir);
  }
  expect([raiseOn(keeps()), raiseOn(changes())], 'each lays the kit that came with it').toEqual(
    [earlier, present].map(kitOf),
  );
}, 280_000);

it('is raised, by every piece of evidence', async () => {
  await fleet.raise();
  for (const member of fleet.fleet.members) {
    const { boot } = loadState(member.mac.dir);
    expect(boot === null ? null : guestQuota(boot)).toBe(QUOTA);
  }
}, 170_000);

it('leads back to stock, and leaves nothing of the raise', async () => {
  const hosts = fleet.fleet.members.map(({ hostId }) => hostId);
  await fleet.fleet.api.post('/api/v1/reverts', { selector: { hosts }, reason: 'the way back' });
  for (const member of fleet.fleet.members) {
    const lies = (path: string): boolean => existsSync(join(member.mac.dir, path));
    await until(
      `${member.mac.name} is stock, and everything removed`,
      async () => {
        await fleet.fleet.technicians.round();
        const host = await fleet.host(member);
        return { met: host.state === 'reverted' && host.waitsFor === null, value: null, seen: summary(host) };
      },
      150_000,
    );
    expect(['Library/Headroom', 'private/var/db/headroom/kc'].filter(lies)).toEqual([]);
    expect(readdirSync(join(member.mac.dir, 'Library/Developer/KDKs'))).toEqual([]);
  }
  expect(await finishedNotOnce(fleet)).toEqual([]);
  expect(await fleet.sql(`SELECT kind, error_code FROM job WHERE state NOT IN ('succeeded', 'cancelled')`)).toEqual([]);
}, 330_000);
