/** Tools that end well and change nothing, a repair that is cut, words that others stored: what raise does not take for granted. */
import { cutPower, restartMac } from '@headroom/mac-sim';
import { change, faults, headroomStoresBootArgs } from './acts.ts';
import { person, type Scenario, typing } from './scenario.ts';

const UNTOUCHED = { policy: { smb0: false, sip0: null, coih: null } } as const;
const FOREIGN = 'serverperfmode=1';

/** A custom kernel of before, under a lowered policy. */
const olderObject = change(({ policy, behaviour }) => {
  Object.assign(policy, { smb0: true, smb1: true, sip0: '7f', sip2: true, sip3: true, coih: 'AB'.repeat(48) });
  behaviour.faults = { configureBootIgnored: true };
});

const foreignWord = change(({ nvram }) => {
  nvram.stored['boot-args'] = FOREIGN;
});

export const unproven: readonly Scenario[] = [
  {
    name: 'configure-boot says nothing, and does nothing',
    happens: 'kmutil ends with status 0, and the policy names the custom kernel of before.',
    prepare: olderObject,
    visit: ({ raise }) => raise(),
    ends: {
      says: /kmutil ended without an error, but the boot policy names the same custom kernel as before/,
      state: { policy: { coih: 'AB'.repeat(48) } },
      receipt: 'failed:configure-boot',
    },
    remedy: {
      text: 'the same line again; still the same: `bputil -f -v GROUP`, then the same line',
      onScreen: /Next: +run the same line again/,
      follow: ({ raise }) => raise(),
    },
    finally: 'raised',
    inMoreShells: true,
  },
  {
    name: 'configure-boot does nothing twice',
    happens: 'Run again as the screen says, kmutil still changes nothing; the older kernel is removed first.',
    prepare: olderObject,
    visit: async ({ raise, ...visitor }) => {
      await raise();
      olderObject({ raise, ...visitor });
      return raise();
    },
    ends: { says: /names the same custom kernel as before/, receipt: 'failed:configure-boot' },
    remedy: {
      text: '`bputil -f -v GROUP`, then the same line',
      onScreen: /still the same: type (bputil -f -v [0-9A-F-]+)\n/,
      follow: ({ mac, raise }, [, line = '']) => raise(typing(line, mac.line)),
    },
    finally: 'raised',
  },
  {
    name: 'power fails after bputil -a',
    happens: 'The filter is lifted, but csrutil and configure-boot have not come again yet.',
    prepare: faults({ csrutilKeepsFiltering: true, powerFailsAfter: 'bputil -a' }),
    visit: ({ raise }) => raise(),
    ends: { state: { power: 'off', policy: { sip0: '7f', sip3: true, coih: null } }, receipt: 'filter-repair' },
    remedy: {
      text: 'run sheet: back by the button, the same line; csrutil comes again',
      onSheet: { says: /Power fails.* type the same line again/ },
      follow: async (visitor) => {
        faults({ csrutilKeepsFiltering: true })(visitor);
        cutPower(visitor.mac.dir);
        await visitor.raise();
      },
    },
    finally: 'raised',
  },
  {
    name: 'a boot argument stored since',
    happens: 'Somebody stored a boot argument after the kit was placed; the line of the visit would lose it.',
    prepare: foreignWord,
    visit: ({ raise }) => raise(),
    ends: { says: new RegExp(`does not keep: ${FOREIGN}`), state: UNTOUCHED, receipt: null },
    remedy: {
      text: 'reboot; the exception names it; Headroom makes a kit that keeps it',
      onScreen: /type (reboot), and have the exception name them/,
      follow: async ({ mac, raise }, [, line = '']) => {
        await raise({ line });
        await mac.placeKit({}, { visit: 'keeps', 'boot-args': `${mac.bootArgs} ${FOREIGN}` });
        await raise();
      },
    },
    finally: 'raised',
    inMoreShells: true,
  },
  {
    name: 'a boot argument stored since, under lowered security',
    happens: 'The same in a visit that was broken off: SIP is off already, so that it can be removed here.',
    prepare: async (visitor) => {
      await visitor.raise(person({ when: '\\(enter y or n\\)\\s*$', type: 'n' }));
      foreignWord(visitor);
    },
    visit: ({ raise }) => raise(),
    ends: { says: new RegExp(`does not keep: ${FOREIGN}`), receipt: 'failed:configure-boot' },
    remedy: {
      text: 'nobody needs it: `nvram -d` with the namespace, as the screen says, then the same line',
      onScreen: /to remove all: type (nvram -d [0-9A-F-]+:boot-args)\n/,
      follow: ({ mac, raise }, [, line = '']) => raise(typing(line, mac.line)),
    },
    finally: 'raised',
  },
  {
    name: 'boot arguments cannot be read',
    happens: 'nvram gives no line and does not say that there is none; raise leaves it alone.',
    prepare: faults({ nvramUnreadable: true }),
    visit: ({ raise }) => raise(),
    ends: { says: /what is stored cannot be read, and is left alone/, receipt: 'done', observed: 'quota_missing' },
    remedy: {
      text: 'Headroom stores them in macOS and asks for one more restart',
      onScreen: /Headroom stores them after this restart and asks for one more/,
      follow: headroomStoresBootArgs,
    },
    finally: 'raised',
  },
];

export const bareRevert: Scenario = {
  name: 'revert where nearly all tools are missing',
  happens: 'This recoveryOS has bputil and csrutil, and none of the other tools of the kit.',
  raised: true,
  visit: ({ revert }) =>
    revert({
      lacking: ['date', 'diskutil', 'kmutil', 'md5', 'mv', 'nvram', 'reboot', 'sync', 'tr'],
    }),
  ends: {
    says: /cannot be written, so there will be no receipt[\s\S]*Taken back\.[\s\S]*Not put back: boot arguments/,
    state: { policy: { smb0: false, sip0: null, coih: null } },
    receipt: 'done',
  },
  remedy: {
    text: 'restart from the menu with the apple; Headroom reads the boot policy itself',
    onScreen: /choose Restart in the menu with the apple/,
    follow: ({ mac }) => restartMac(mac.dir),
  },
  finally: 'reverted',
  inMoreShells: true,
};
