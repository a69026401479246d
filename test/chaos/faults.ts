/** What goes wrong, and what people do meanwhile. Each says what it did; null = it found nothing to strike. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { breakMac, loadState, startGuests, stopGuests, updateMac, updateState, usedBytes } from '@headroom/mac-sim';
import type { Random } from '../../scripts/fuzz/random.ts';
import { kill } from '../e2e/support/start-process.ts';
import { pause } from '../e2e/support/until.ts';
import { type Bed, type ChaosMac, powerOf } from './bed.ts';
import { filesOf } from './listing.ts';
import type { People } from './people.ts';

export interface Strike {
  readonly bed: Bed;
  readonly people: People;
  readonly random: Random;
  readonly target: ChaosMac;
}

type Fault = (strike: Strike) => Promise<string | null> | string | null;

const AGENT = /agent\/dist\/main\.js run/;
const TOOL = /dist\/tools\/doing\.js/;
const HOME = 'private/var/db/headroom';
const KIT = 'Library/Headroom';
const KDKS = 'Library/Developer/KDKs';
/** Keys are their own chapter (docs/grant-keys.md), and a socket or a lock is no file that can be cut. */
const SPARED = /^mnt\/|(key|cert)\.pem$|agent\.(sock|lock)|node-cache|\.log$|grant-keys|\.tool-/;
const FULL_MS = 1_500;
const ROOM_LEFT_BYTES = 100_000;
const UPDATES: Readonly<Record<string, { readonly version: string; readonly build: string }>> = {
  '23F79': { version: '14.6.1', build: '23G93' },
  '25C56': { version: '26.3', build: '25D125' },
};
/** What others do to a Mac; see `mac-sim break`. */
const BREAKS = [
  ...['boot-args-cleared', 'boot-args-cleared-later', 'quota-changed-later', 'hypervisor-missing', 'sip-enabled'],
  ...['full-security', 'stock-kernel', 'foreign-kernel', 'kc-purged', 'kdk-purged'],
];

/** Each as often as it stands here. */
export const FAULTS: readonly (readonly [name: string, often: number, fault: Fault])[] = [
  ['agent killed', 4, killAgent('SIGKILL')],
  ['agent stopped', 2, killAgent('SIGTERM')],
  ['tool killed', 5, killTool(false)],
  ['tool and agent killed', 4, killTool(true)],
  ['controller killed', 2, stopController('SIGKILL')],
  ['controller stopped', 1, stopController('SIGTERM')],
  ['postgres killed', 1, killPostgres],
  ['everything stopped', 1, stopAll],
  ['power cut', 3, power('cut')],
  ['restart', 1, power('restart')],
  ['disk full', 1, fillDisk],
  ['file of the agent damaged', 4, damage(HOME)],
  ['file of the kit damaged', 3, damage(KIT)],
  ['file of a KDK damaged', 2, damage(KDKS)],
  ['KDK image of the controller damaged', 1, damageImage],
  ['guests', 2, guests],
  ['Mac changed', 3, changeMac],
  ['macOS updated', 1, update],
  ['exception revoked', 1, ({ people }) => people.revoke()],
  ['exception signed again', 1, ({ people }) => people.wantRaise()],
  ['taken back', 1, ({ people, target }) => people.takeBack(target)],
  ['wanted again', 1, ({ people }) => people.wantRaise()],
];

function killAgent(signal: 'SIGKILL' | 'SIGTERM'): Fault {
  return ({ bed, target }) => {
    const [pid] = bed.processesOn(target.mac, AGENT);
    if (pid === undefined) return null;
    if (signal === 'SIGKILL') kill(pid);
    else process.kill(pid, signal);
    return signal;
  };
}

/** Waits a moment for one that changes the Mac. */
function killTool(withAgent: boolean): Fault {
  return async ({ bed, target, random }) => {
    for (let looks = 0; looks < 20; looks += 1) {
      const tools = bed.processesOn(target.mac, TOOL);
      if (tools.length === 0) await pause(100);
      else {
        await pause(random.below(400));
        const agents = withAgent ? bed.processesOn(target.mac, AGENT) : [];
        for (const pid of [...tools, ...agents]) kill(pid);
        return `${tools.length} of them`;
      }
    }
    return null;
  };
}

function stopController(signal: 'SIGKILL' | 'SIGTERM'): Fault {
  return async ({ bed, random }) => {
    await bed.stopController(signal);
    await pause(random.below(2_000));
    await bed.startController();
    return signal;
  };
}

function killPostgres({ bed }: Strike): string | null {
  const file = join(bed.stateDir, 'controller/postgres/postmaster.pid');
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : 0;
  if (!(pid > 1)) return null;
  kill(pid);
  return '';
}

async function stopAll({ bed }: Strike): Promise<string> {
  await Promise.all(bed.macs.map(({ mac }) => mac.stop()));
  await bed.stopController('SIGTERM');
  await bed.startController();
  await Promise.all(bed.macs.map(({ mac }) => mac.start()));
  return '';
}

function power(how: 'cut' | 'restart'): Fault {
  return async ({ people, target }) => {
    if (people.isAt(target) || powerOf(target) !== 'macos') return null;
    if (how === 'restart') await target.mac.restart();
    else {
      await target.mac.sim.powerCut();
      await target.mac.sim.boot();
    }
    return '';
  };
}

async function fillDisk({ target: { mac } }: Strike): Promise<string> {
  updateState(
    mac.dir,
    ({ volumes }) => void Object.assign(volumes, { sizeBytes: usedBytes(mac.dir) + ROOM_LEFT_BYTES }),
  );
  await pause(FULL_MS);
  updateState(mac.dir, ({ volumes }) => void delete volumes.sizeBytes);
  return `for ${FULL_MS} ms`;
}

/** Gone, cut in its middle, emptied, or other bytes. */
function damage(folder: string): Fault {
  return ({ target: { mac }, random }) => {
    const below = join(mac.dir, folder);
    const files = existsSync(below) ? filesOf(below).filter((path) => !SPARED.test(path)) : [];
    if (files.length === 0) return null;
    const path = random.pick([...files].sort());
    return `${spoil(join(below, path), random)} ${folder}/${path}`;
  };
}

function spoil(file: string, random: Random): string {
  const how = random.pick(['gone', 'cut', 'empty', 'other bytes']);
  try {
    if (how === 'gone') rmSync(file);
    else if (how === 'cut') truncateSync(file, Math.floor(statSync(file).size / 2));
    else writeFileSync(file, how === 'empty' ? '' : 'these are other bytes\n');
    return how;
  } catch {
    return 'gone meanwhile:';
  }
}

function damageImage({ bed, random }: Strike): string | null {
  const folder = join(bed.stateDir, 'controller/kdks');
  const images = existsSync(folder) ? readdirSync(folder).filter((name) => !name.endsWith('.part')) : [];
  if (images.length === 0) return null;
  const image = join(folder, random.pick(images.sort()));
  return `${spoil(image, random)} ${relative(bed.stateDir, image)}`;
}

function guests({ target: { mac }, random }: Strike): string | null {
  const { boot, guests: alive } = loadState(mac.dir);
  if (boot === null) return null;
  if (alive.length > 0) {
    stopGuests(mac.dir, alive.length, random.pick(['clean', 'leak']));
    return `${alive.length} ended`;
  }
  return `${startGuests(mac.dir, 1 + random.below(3), random.pick(['macos', 'linux'])).started} started`;
}

function changeMac({ people, target, random }: Strike): string | null {
  if (people.isAt(target) || powerOf(target) !== 'macos') return null;
  const name = random.pick(BREAKS);
  try {
    breakMac(target.mac.dir, name);
    return name;
  } catch {
    // It has not what would be broken.
    return null;
  }
}

function update({ people, target: { mac }, target }: Strike): string | null {
  const next = UPDATES[loadState(mac.dir).os.build];
  if (next === undefined || people.isAt(target) || powerOf(target) !== 'macos') return null;
  updateMac(mac.dir, next);
  return `to ${next.version}`;
}
