/**
 * One run: a fleet on its way to raised, faults at random times, then none any more. Each Mac must come to where its intent says, with no
 * more help than its own findings ask for; and back to stock, with nothing left on it. The seed gives the same faults in the same order;
 * what they hit follows from the machine, too.
 */
import { loadState, stopGuests } from '@headroom/mac-sim';
import type { HostDetail } from '@headroom/quickstart';
import { type Random, randomFrom } from '../../scripts/fuzz/random.ts';
import { pause } from '../e2e/support/until.ts';
import { Bed, type ChaosMac, LABEL } from './bed.ts';
import { FAULTS } from './faults.ts';
import { broken } from './judge.ts';
import { leftBehind } from './listing.ts';
import { agentSaid, People, QUOTA } from './people.ts';

export interface ChaosOptions {
  readonly root: string;
  readonly seed: number;
  /** How long faults strike. */
  readonly seconds: number;
  readonly macs: number;
  readonly say: (text: string) => void;
  /** Only these faults; all when it is empty. */
  readonly only: string;
  /** Leaves everything for a look when something is wrong. */
  readonly keep: boolean;
}

export interface ChaosResult {
  readonly seed: number;
  readonly faults: readonly string[];
  readonly remedies: readonly string[];
  /** What must hold and does not. */
  readonly wrong: readonly string[];
  readonly stateDir: string;
  readonly convergedMs: number;
  readonly revertedMs: number;
}

/** A run that is broken off ends its processes and removes its folder; a second signal ends it at once. */
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const BETWEEN_MS = [100, 1_500] as const;
const CONVERGE_MS = 180_000;
/** A finding stands a moment before somebody acts on it. */
const HELP_AFTER_MS = 4_000;
const ASKS_MAX = 20;
const KDKS = 'Library/Developer/KDKs/';
const STOCK_STATES = ['reverted', 'not_started'];

export async function chaos(options: ChaosOptions): Promise<ChaosResult> {
  const startedAt = Date.now();
  const say = (text: string) => options.say(`${((Date.now() - startedAt) / 1000).toFixed(1)} s ${text}`);
  const random = randomFrom(options.seed, 0);
  const bed = new Bed(options.root, say);
  const people = new People(bed, randomFrom(options.seed, 1), say);
  const struck: string[] = [];
  const wrong: string[] = [];
  let [convergedMs, revertedMs] = [0, 0];
  const interrupted = () => void bed.end(options.keep).finally(() => process.exit(130));
  for (const signal of SIGNALS) process.once(signal, interrupted);
  try {
    await bed.make(options.macs);
    await people.wantRaise();
    await strikeAll({ bed, people, random, options, struck, say });
    say('no more faults');
    await asksAgain(() => people.wantRaise());
    convergedMs = await converge(bed, people, 'raised', ({ state }) => state === 'raised');
    wrong.push(...(await broken(bed)));
    say(`all raised after ${convergedMs} ms`);
    await asksAgain(() => bed.api.post('/api/v1/reverts', { selector: { labels: [LABEL] }, reason: 'the way back' }));
    // Which KDKs are ours is known by their note alone: without it they stay, like those of others.
    const isNoteLost = struck.some((what) => what.includes('installed-kdks.json'));
    revertedMs = await converge(bed, people, 'stock', (host) => STOCK_STATES.includes(host.state));
    for (const { mac, before } of bed.macs)
      wrong.push(
        ...leftBehind(mac.dir, before)
          .filter((path) => !(isNoteLost && path.startsWith(KDKS)))
          .map((path) => `${mac.name}: left behind: ${path}`),
      );
    wrong.push(...(await broken(bed)));
    say(`all back after ${revertedMs} ms`);
  } catch (error) {
    wrong.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    wrong.push(...(await bed.end(options.keep && wrong.length > 0)));
    for (const signal of SIGNALS) process.off(signal, interrupted);
  }
  return {
    ...{ seed: options.seed, faults: struck, remedies: people.remedies, wrong, stateDir: bed.stateDir },
    ...{ convergedMs, revertedMs },
  };
}

/** As a person does when the controller says that it is not ready. */
async function asksAgain(ask: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return void (await ask());
    } catch (error) {
      if (tries === ASKS_MAX) throw error;
      await pause(1_000);
    }
  }
}

interface Striking {
  readonly bed: Bed;
  readonly people: People;
  readonly random: Random;
  readonly options: ChaosOptions;
  readonly struck: string[];
  readonly say: (text: string) => void;
}

async function strikeAll({ bed, people, random, options: { seconds, only }, struck, say }: Striking): Promise<void> {
  const faults = FAULTS.filter(([name]) => name.includes(only)).flatMap((fault) => Array(fault[1]).fill(fault));
  const end = Date.now() + seconds * 1000;
  let going = true;
  const technicians = (async () => {
    for (; going; await pause(300)) await people.visits(false).catch(() => {});
  })();
  while (Date.now() < end) {
    const [least, most] = BETWEEN_MS;
    await pause(least + random.below(most - least));
    const [name, , fault] = random.pick(faults);
    const target = random.pick(bed.macs);
    const what = await Promise.resolve(fault({ bed, people, random, target })).catch(
      (error: Error) => `(${error.message})`,
    );
    if (what === null) continue;
    struck.push(`${name} ${what}`);
    say(`${target.mac.name}: ${name} ${what}`);
  }
  going = false;
  await technicians;
}

/** Until each Mac is there and nothing is under way on it; gives back how long it took. */
async function converge(bed: Bed, people: People, what: string, isThere: (host: HostView) => boolean): Promise<number> {
  const startedAt = Date.now();
  const since = new Map<string, number>();
  for (;;) {
    await people.visits(true).catch(() => {});
    const hosts = await Promise.all(bed.macs.map((mac) => hostOf(bed, mac).catch(() => undefined)));
    const away = bed.macs.flatMap((mac, index) => {
      const host = hosts[index];
      return host !== undefined && isThere(host) && isAtRest(host, startedAt) ? [] : [{ mac, host }];
    });
    if (away.length === 0) return Date.now() - startedAt;
    if (Date.now() - startedAt > CONVERGE_MS) throw new Error(`not ${what}:\n${away.map(tell).join('\n')}`);
    for (const { mac, host } of away) {
      if (loadState(mac.mac.dir).guests.length > 0 && host?.findings.some(({ code }) => code === 'GUESTS_RUNNING'))
        stopGuests(mac.mac.dir, 1_000);
      const last = since.get(mac.hostId) ?? startedAt;
      if (host === undefined || Date.now() - last < HELP_AFTER_MS) continue;
      since.set(mac.hostId, Date.now());
      await people.help(mac, host).catch((error: Error) => bed.say(`help: ${error.message}`));
    }
    await pause(300);
  }
}

interface HostView extends HostDetail {
  readonly plan: { readonly state: string; readonly steps: readonly { readonly kind: string }[] } | null;
  readonly visit: { readonly kind: string; readonly state: string } | null;
}

function hostOf({ api }: Bed, { hostId }: ChaosMac): Promise<HostView> {
  return api.get<HostView>(`/api/v1/hosts/${hostId}`);
}

/** Heard of since, and nothing is open. */
function isAtRest({ presence, lastSeenAt, plan, waitsFor }: HostView, since: number): boolean {
  const isHeard = presence === 'online' && Date.parse(lastSeenAt ?? '') > since;
  return isHeard && plan?.state !== 'open' && waitsFor === null;
}

function tell({ mac, host }: { readonly mac: ChaosMac; readonly host: HostView | undefined }): string {
  const { power, screen, os, policy, boot } = loadState(mac.mac.dir);
  const findings = (host?.findings ?? []).map(
    ({ severity, code, title, nextStep, ...rest }) =>
      `    ${severity} ${code}: ${title}. ${nextStep} ${JSON.stringify(rest)}`,
  );
  return [
    `${mac.mac.name}: ${host?.state}, ${host?.presence}, waits for ${host?.waitsFor}; visit ${JSON.stringify(host?.visit)}; plan ${JSON.stringify(host?.plan)}`,
    `  quota wanted ${host?.quotaWanted} (of ${QUOTA}); Mac: ${power} ${screen ?? ''} ${os.build} ${boot?.kernel} ${policy.coih?.slice(0, 8)}`,
    ...findings,
    `  agent: ${agentSaid(mac)}`,
  ].join('\n');
}
