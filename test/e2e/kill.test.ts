/**
 * Property: a kill at any moment (controller, agent, Postgres, all three, `npm start` itself) ends, after a restart, with all
 * raised, one finish per job, one kernel collection on disk, no orphan, without anybody's help. The moments follow from a seed
 * that is printed; HEADROOM_KILL_SEED plays them again.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fleetChoices } from '@headroom/quickstart';
import { afterAll, describe, expect, it } from 'vitest';
import { type Random, randomFrom } from '../../scripts/fuzz/random.ts';
import { TestFleet } from './support/fleet.ts';
import { expectClean, finishedNotOnce, leftovers } from './support/once.ts';
import { kill, type RunningStart, StartFolder } from './support/start-process.ts';
import { pause } from './support/until.ts';

const SEED = Number(process.env['HEADROOM_KILL_SEED'] ?? Date.now() % 1_000_000);
const MACS = 3;
const KILLS = 10;
const PAUSE_MS = [100, 3_000] as const;
/** No more kills after this: what is left of the raise must then go through. */
const KILLING_MS = 70_000;
/** Starts that a supervisor makes in the end, one after the other, until one ends well. */
const STARTS_MAX = 6;
/** Each as often as it stands here: what ends `npm start` too costs the most progress, so it comes less often. */
const VICTIMS = [
  'controller',
  'agent',
  'agent',
  'agent',
  'agent',
  'postgres',
  'postgres',
  'postgres',
  'controller, agent and postgres',
  'npm start',
  'everything',
] as const;
type Victim = (typeof VICTIMS)[number];

describe.skipIf(process.platform !== 'linux')('kill -9 at many moments of a raise (needs Linux: /proc)', () => {
  const folder = new StartFolder();
  let fleet: TestFleet | null = null;
  afterAll(async () => {
    await fleet?.stop();
    folder.remove();
  }, 60_000);

  it(`ends with all raised: HEADROOM_KILL_SEED=${SEED}`, { timeout: 280_000 }, async () => {
    console.log(`HEADROOM_KILL_SEED=${SEED} plays these kills again`);
    const random = randomFrom(SEED, 0);
    const killed: string[] = [];
    let run = start(folder);
    const end = Date.now() + KILLING_MS;
    while (killed.length < KILLS && Date.now() < end) {
      const [least, most] = PAUSE_MS;
      const ended = await Promise.race([run.ended, pause(least + random.below(most - least)).then(() => null)]);
      if (ended?.code === 0) break;
      if (ended !== null) run = start(folder);
      const victim = random.pick(VICTIMS);
      if (strike(folder, run, victim, random) > 0) killed.push(victim);
    }
    console.log(`killed: ${killed.join(', ')}`);
    expect(killed.length, 'kills that hit before all was raised').toBeGreaterThan(4);
    await endsRaised(folder, run);
    expect(await folder.orphans()).toEqual([]);

    fleet = await TestFleet.resume(folder.stateDir, fleetChoices(MACS));
    for (const member of fleet.fleet.members)
      await fleet.hostUntil(member, 'raised', ({ state, presence }) => state === 'raised' && presence === 'online');
    expect(await finishedNotOnce(fleet)).toEqual([]);
    expect(
      await fleet.sql(`SELECT kind, state, error_code FROM job WHERE state <> ALL('{succeeded,cancelled}')`),
    ).toEqual([]);
    expect(await fleet.sql(`SELECT state FROM visit WHERE state IN ('due', 'open')`)).toEqual([]);
    for (const { mac } of fleet.fleet.members) await expectClean(mac.dir);
    expect(leftovers(join(folder.stateDir, 'controller'), ['postgres'])).toEqual([]);
    await fleet.fleet.stop();
    expect(await folder.orphans()).toEqual([]);
  });
});

function start(folder: StartFolder): RunningStart {
  return folder.start(['--macs', String(MACS), '--exit-when-raised', '--timeout', '100']);
}

/** What an init system does: starts it again until it ends well. */
async function endsRaised(folder: StartFolder, first: RunningStart): Promise<void> {
  let run = first;
  const outputs: string[] = [];
  for (let starts = 0; starts < STARTS_MAX; starts += 1) {
    const { code, output } = await run.ended;
    if (code === 0) return;
    outputs.push(output);
    await pause(1_000);
    run = start(folder);
  }
  run.child.kill('SIGINT');
  const log = readFileSync(join(folder.stateDir, 'logs/controller.log'), 'utf8').slice(-4000);
  throw new Error(`not raised after ${STARTS_MAX} starts:\n${outputs.join('\n---\n')}\ncontroller: ${log}`);
}

/** Returns how many processes it hit. Before there is a controller, nothing is under way yet. */
function strike(folder: StartFolder, { child }: RunningStart, victim: Victim, random: Random): number {
  const processes = folder.processes();
  const pids = (pattern: RegExp) => processes.filter(({ command }) => pattern.test(command)).map(({ pid }) => pid);
  const controllers = pids(/controller\/dist\/main\.js serve/);
  if (controllers.length === 0) return 0;
  const agents = pids(/agent\/dist\/main\.js run/);
  const agent = agents.length === 0 ? [] : [random.pick(agents)];
  const self = child.pid === undefined ? [] : [child.pid];
  const targets: Readonly<Record<Victim, readonly number[]>> = {
    controller: controllers,
    agent,
    postgres: postmaster(folder),
    'controller, agent and postgres': [...controllers, ...agent, ...postmaster(folder)],
    'npm start': self,
    everything: [...self, ...processes.map(({ pid }) => pid)],
  };
  for (const pid of targets[victim]) kill(pid);
  return targets[victim].length;
}

function postmaster({ stateDir }: StartFolder): readonly number[] {
  try {
    const pid = Number(readFileSync(join(stateDir, 'controller/postgres/postmaster.pid'), 'utf8').split('\n')[0]);
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return command.includes(stateDir) ? [pid] : [];
  } catch {
    return [];
  }
}
