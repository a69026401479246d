import { mkdir, rm } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { HostDetail } from './api-client.ts';
import { Fleet, fleetChoices } from './fleet.ts';
import { parseOptions, type QuickstartOptions, USAGE } from './options.ts';
import { type MacLine, Screen, stateText, witnessText } from './table.ts';

export interface QuickstartInput {
  readonly root: string;
  readonly args: readonly string[];
  /** How long installing and building took, for the closing line. */
  readonly timings: { readonly installMs: number; readonly buildMs: number };
}

const ROUND_MS = 300;

/** `npm start`. Returns the exit code: 0 raised or ended by the person, 1 could not, 2 wrong options. */
export async function quickstart({ root, args, timings }: QuickstartInput): Promise<number> {
  const parsed = parseOptions(args);
  if (!parsed.ok || parsed.options.help) {
    process.stderr.write(parsed.ok ? `${USAGE}\n` : `${parsed.problem}\n${USAGE}\n`);
    return parsed.ok ? 0 : 2;
  }
  const startedAt = Date.now() - timings.installMs - timings.buildMs;
  const stateDir = resolve(parsed.options.stateDir ?? join(root, '.headroom'));
  if (parsed.options.fresh) await forget(stateDir);
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const screen = new Screen(process.stdout);
  const interrupted = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve('interrupted'));
  });
  let fleet: Fleet;
  try {
    fleet = await Fleet.start({
      root,
      stateDir,
      choices: fleetChoices(parsed.options.macs),
      say: (text) => screen.say(text),
    });
  } catch (error) {
    process.stderr.write(`npm start could not start: ${(error as Error).message}\n`);
    return 1;
  }
  try {
    await fleet.wantQuota(parsed.options.quota);
    greet(screen, fleet, stateDir);
    return await watch({ fleet, screen, options: parsed.options, startedAt, interrupted });
  } catch (error) {
    process.stderr.write(`npm start failed: ${(error as Error).message}\n`);
    return 1;
  } finally {
    screen.say('stopping');
    await fleet.stop();
  }
}

/** What earlier starts have put there, and nothing else: the folder may be anybody's. */
async function forget(stateDir: string): Promise<void> {
  for (const name of ['controller', 'kdks', 'logs', 'macs', 'quickstart.json'])
    await rm(join(stateDir, name), { recursive: true, force: true });
}

interface Watch {
  readonly fleet: Fleet;
  readonly screen: Screen;
  readonly options: QuickstartOptions;
  readonly startedAt: number;
  readonly interrupted: Promise<'interrupted'>;
}

/** Shows the fleet and lets the technician make what visits wait, until it is raised, out of time, or ended by the person. */
async function watch({ fleet, screen, options, startedAt, interrupted }: Watch): Promise<number> {
  const until = Date.now() + options.timeoutMs;
  let technicians: Promise<unknown> = Promise.resolve();
  let busy = false;
  let told = false;
  const ended = fleet.controller.ended;
  for (;;) {
    const hosts = await fleet.hosts();
    screen.show(linesOf(fleet, hosts));
    if (hosts.every((host) => isRaisedNow(host, fleet.startedAt))) {
      if (!told) showRaised(screen, fleet, hosts, Date.now() - startedAt);
      told = true;
      if (options.exitWhenRaised) return 0;
    } else if (options.exitWhenRaised && Date.now() > until) {
      explain(screen, fleet, hosts, options.timeoutMs);
      return 1;
    }
    if (!busy) {
      busy = true;
      technicians = fleet.technicians
        .round()
        .catch((error: Error) => screen.say(`technician: ${error.message}`))
        .finally(() => {
          busy = false;
        });
    }
    const next = await Promise.race([pause(ROUND_MS), interrupted, ended]);
    if (next === 'interrupted') {
      await technicians;
      return options.exitWhenRaised ? 1 : 0;
    }
    if (typeof next === 'string') throw new Error(next);
  }
}

/** A state that was stored before this start proves nothing about now: the agent must have spoken since. */
function isRaisedNow({ state, lastSeenAt }: HostDetail, since: number): boolean {
  return state === 'raised' && lastSeenAt !== null && Date.parse(lastSeenAt) >= since;
}

function linesOf(fleet: Fleet, hosts: readonly HostDetail[]): readonly MacLine[] {
  return fleet.members.map(({ mac, hostId }) => ({
    name: mac.name,
    what: mac.what,
    host: hosts.find(({ id }) => id === hostId) ?? null,
  }));
}

function greet(screen: Screen, { controller }: Fleet, stateDir: string): void {
  screen.say(`API        ${controller.apiUrl}/api/v1/hosts  (OpenAPI: ${controller.apiUrl}/api/openapi.json)`);
  const at = (name: string) => relative(process.cwd(), join(stateDir, name));
  screen.say(`Token      in ${at('quickstart.json')} (adminToken), for: curl -H "authorization: Bearer TOKEN" URL`);
  screen.say(`Simulated  every Mac below is a folder under ${at('macs')}; nothing here touches this machine`);
}

function showRaised(screen: Screen, fleet: Fleet, hosts: readonly HostDetail[], ms: number): void {
  for (const { mac, hostId } of fleet.members) {
    const host = hosts.find(({ id }) => id === hostId);
    if (host === undefined) continue;
    screen.say(`${mac.name} is ${stateText(host)}:`);
    for (const { title, seen } of host.evidence) screen.say(`  ${title}: ${seen}`);
    screen.say(`  ${witnessText(host)}`);
  }
  screen.say(`${hosts.length} of ${hosts.length} raised after ${(ms / 1000).toFixed(1)} s`);
  const dir = fleet.members[0]?.mac.dir ?? 'DIR';
  screen.say(`Try next: npx --no-install mac-sim break ${dir} sip-enabled   and watch what is said of that Mac`);
  screen.say(
    `Or witness the raise: npx --no-install mac-sim guests ${dir} --start 3, and npx --no-install headroom-agent witness --sysroot ${dir} --guests 3`,
  );
}

function explain(screen: Screen, fleet: Fleet, hosts: readonly HostDetail[], timeoutMs: number): void {
  screen.say(`not every Mac was raised within ${timeoutMs / 1000} s:`);
  for (const { mac, hostId } of fleet.members) {
    const host = hosts.find(({ id }) => id === hostId);
    if (host === undefined || host.state === 'raised') continue;
    screen.say(`${mac.name}: ${host.state}, ${host.presence}; waits for ${host.waitsFor ?? 'nothing'}`);
    for (const finding of host.findings)
      screen.say(`  ${finding.severity} ${finding.code}: ${finding.title}. ${finding.nextStep}`);
  }
}

function pause(ms: number): Promise<null> {
  return new Promise((resolve) => setTimeout(resolve, ms, null));
}
