/** Finding the kit: names and mounts of volumes, other kits, room on Data. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { KIT_SOURCE, md5, type VisitMac, visitMac } from '../visit-mac.ts';
import { change, faults } from './acts.ts';
import { fullData } from './full-data.ts';
import { links } from './links.ts';
import { type Scenario, type ScenarioGroup, typing } from './scenario.ts';

const NO_RECEIPT = { policy: { sip0: null, coih: null } } as const;
const NO_SUCH_FILE = /raise: (No such file|not found|cannot open)|(cannot|can't) open|No such file/i;
const done: Pick<Scenario, 'visit' | 'ends' | 'finally'> = {
  visit: ({ raise }) => raise(),
  ends: { receipt: 'done' },
  finally: 'raised',
};
const NONE = { remedy: { text: 'none: the line finds the kit' } } as const;

const scenarios: readonly Scenario[] = [
  {
    ...done,
    ...NONE,
    name: 'Data under the name of the system',
    happens: 'Data is /Volumes/Macintosh HD - Data, as on Macs installed earlier.',
    prepare: change(({ volumes }) => {
      volumes.dataVolumeName = 'Macintosh HD - Data';
    }),
    inMoreShells: true,
  },
  {
    ...done,
    ...NONE,
    name: 'double path',
    happens: 'The System volume leads to the kit too, so the star finds it twice.',
    prepare: faults({ dataSeenThroughSystem: true }),
    inTests: true,
    inMoreShells: true,
  },
  ...[`Büro's "Mac" & *`, '$(reboot) `reboot` ;', '  two  blanks  ', '東京 [a-z] \\n'].map(
    (name): Scenario => ({
      ...done,
      ...NONE,
      name: `volume name ${JSON.stringify(name)}`,
      happens: 'Names of System and Data hold what a shell would take for its own.',
      mac: { systemName: name },
      prepare: change(({ volumes }) => {
        volumes.dataVolumeName = `${name} - Data`;
      }),
      ...(name.includes('"') ? { inMoreShells: true as const } : {}),
    }),
  ),
  {
    name: 'Data not mounted',
    happens: 'recoveryOS did not mount Data; the shell finds no such file.',
    prepare: faults({ dataNotMounted: true }),
    visit: ({ raise }) => raise(),
    ends: { says: NO_SUCH_FILE, state: NO_RECEIPT, receipt: null },
    remedy: {
      text: 'run sheet: Disk Utility > Data > Mount (here `diskutil mount Data`), then the same line',
      follow: ({ mac, raise }) => raise(typing('diskutil mount Data', mac.line)),
    },
    finally: 'raised',
    inTests: true,
    inMoreShells: true,
  },
  {
    name: 'Data locked by FileVault',
    happens: 'Signing in to recoveryOS did not unlock Data.',
    mac: { fileVault: true },
    prepare: faults({ dataNotMounted: true }),
    visit: ({ raise }) => raise(),
    ends: { says: NO_SUCH_FILE, state: NO_RECEIPT, receipt: null },
    remedy: {
      text: 'run sheet: Disk Utility > Data > Mount with the password (here `diskutil apfs unlockVolume Data`), then the same line',
      follow: ({ mac, raise }) => raise(typing('diskutil apfs unlockVolume Data', mac.line)),
    },
    finally: 'raised',
  },
  twoSystems(),
  {
    name: 'kernel collection gone',
    happens: 'A clean-up tool deleted the kernel collection of the kit.',
    prepare: ({ mac }) => rmSync(join(mac.kit, 'KernelCollection.kc')),
    visit: ({ raise }) => raise(),
    ends: { says: /KernelCollection\.kc is not there/, state: NO_RECEIPT, receipt: null },
    remedy: {
      text: 'have Headroom build and place it again',
      onScreen: /otherwise have Headroom build it again/,
      follow: async ({ mac, raise }) => {
        await raise({ line: 'reboot' });
        await mac.placeKit();
        await raise();
      },
    },
    finally: 'raised',
  },
  ...fullData,
  ...links,
  usbStick(),
];

/** A stick whose volume comes first and has a raise of its own. The verify line shows a md5 that is not on the run sheet. */
function usbStick(): Scenario {
  const verify = 'md5 /Volumes/*/Library/Headroom/raise';
  const expected = md5(readFileSync(join(KIT_SOURCE, 'raise')));
  return {
    name: 'USB stick with its own raise',
    happens: 'A stick has a raise too, and the star finds it first; the verify line of the run sheet shows two files.',
    prepare: (visitor) => {
      const folder = mkdtempSync(join(tmpdir(), 'stick-'));
      mkdirSync(join(folder, 'Library/Headroom'), { recursive: true });
      writeFileSync(join(folder, 'Library/Headroom/raise'), 'csrutil disable\n');
      change(({ volumes }) => {
        volumes.others = [{ name: 'AAA', folder, group: null }];
      })(visitor);
    },
    visit: ({ raise }) => raise({ line: verify }),
    ends: {
      says: new RegExp(`/AAA/\\S*\\) = (?!${expected})[\\s\\S]*/Data/\\S*\\) = ${expected}`),
      state: NO_RECEIPT,
      receipt: null,
    },
    remedy: {
      text: 'run sheet: one line, and this md5; pull out what does not belong to the Mac, look again, then type the line',
      follow: async (visitor) => {
        const [stick] = visitor.mac.state().volumes.others ?? [];
        change(({ volumes }) => {
          volumes.others = [];
        })(visitor);
        if (stick !== undefined) rmSync(stick.folder, { recursive: true });
        const { transcript } = await visitor.raise({ line: verify });
        expect(transcript.match(/MD5 \(.*\) = (\S+)/g)).toEqual([expect.stringContaining(expected)]);
        await visitor.raise();
      },
    },
    finally: 'raised',
  };
}

/** The kit of the other system comes first; it has to stay untouched. */
function twoSystems(): Scenario {
  const others: VisitMac[] = [];
  return {
    name: 'two systems with kits',
    happens: 'Another system on this Mac has a kit as well, and the star finds that one first.',
    prepare: async (visitor) => {
      const other = await visitMac();
      others.push(other);
      change(({ volumes }) => {
        volumes.others = [{ name: 'Alpha - Data', folder: other.dir, group: other.state().volumes.group }];
      })(visitor);
    },
    visit: ({ raise }) => raise(),
    ends: {
      receipt: 'done',
      check: () => {
        const other = others.pop();
        expect(other?.receipt(), 'receipt of the other system').toBeNull();
        other?.remove();
      },
    },
    remedy: { text: 'none: the kit of the paired system is taken' },
    finally: 'raised',
    inTests: true,
    inMoreShells: true,
  };
}

export const volumes: ScenarioGroup = { title: 'Volumes', scenarios };
