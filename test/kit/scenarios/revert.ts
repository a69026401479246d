/** The way back, and what stands in it. */
import { rmSync } from 'node:fs';
import { breakMac, cutPower } from '@headroom/mac-sim';
import { expect } from 'vitest';
import { faults, inMacos, mended, nextVisit } from './acts.ts';
import { powerInRevert } from './power.ts';
import { person, type Scenario, type ScenarioGroup, typing } from './scenario.ts';
import { bareRevert } from './unproven.ts';

const STILL_RAISED = { policy: { sip0: '7f', sip3: true } } as const;
const NOT_REDUCED = { when: 'bputil -g now\\? \\[y/n\\]: $', type: 'n' } as const;
const AGAIN = /run the same line again/;

const scenarios: readonly Scenario[] = [
  {
    name: 'revert',
    happens: 'The person types the revert line, says y and signs in.',
    raised: true,
    visit: ({ revert }) => revert(),
    ends: { says: /now: Full Security/, receipt: 'reverted', observed: 'stock' },
    remedy: { text: 'none is needed' },
    finally: 'reverted',
    inTests: true,
    inMoreShells: true,
  },
  {
    name: 'no Internet, Reduced accepted',
    happens: 'Full Security needs Internet (Code 102); the person takes the lesser way.',
    raised: true,
    prepare: faults({ offlineInRecovery: true }),
    visit: ({ revert }) => revert(),
    ends: { says: /Code=102[\s\S]*Not put back: Full Security/, receipt: 'reverted-reduced' },
    remedy: {
      text: 'Startup Security Utility > Full Security once there is Internet',
      onScreen: /Startup Security Utility > Full Security/,
    },
    finally: 'reverted-reduced',
    inTests: true,
    inMoreShells: true,
  },
  {
    name: 'no Internet, cable fetched',
    happens: 'Full Security needs Internet (Code 102); the person fetches a cable.',
    raised: true,
    prepare: faults({ offlineInRecovery: true }),
    visit: ({ revert }) => revert(person(NOT_REDUCED)),
    ends: { says: /Stopped at: csrutil-enable/, state: STILL_RAISED, receipt: 'failed:csrutil-enable' },
    remedy: {
      text: 'connect Ethernet, run the same line again',
      onScreen: /connect Ethernet[^\n]*run it again/,
      follow: async (visitor) => {
        mended(visitor);
        await visitor.revert();
      },
    },
    finally: 'reverted',
  },
  {
    name: 'system no longer offered',
    happens: 'Apple does not sign this system any more, so Full Security is refused.',
    raised: true,
    prepare: faults({ systemNotOffered: true }),
    visit: ({ revert }) => revert(person(NOT_REDUCED)),
    ends: { says: /no longer offered/, state: STILL_RAISED, receipt: 'failed:csrutil-enable' },
    remedy: {
      text: 'run the same line again, answer y to the lesser way',
      onScreen: /does not sign this system any more: answer y below/,
      follow: ({ revert }) => revert(),
    },
    finally: 'reverted-reduced',
  },
  {
    name: '`bputil -f` refused in macOS',
    happens: 'An owner tries `bputil -f` over SSH first and is refused with Code 11.',
    raised: true,
    prepare: async ({ mac }) => {
      const said = await inMacos(mac.dir, 'usr/bin/bputil', '-f', '-v', mac.state().volumes.group);
      if (!said.includes('AP boot mode (11)')) throw new Error(`expected Code 11, seen: ${said}`);
    },
    visit: null,
    ends: { state: STILL_RAISED, receipt: 'done', observed: 'quota_in_force' },
    remedy: { text: 'a visit with the revert line', follow: ({ revert }) => revert() },
    finally: 'reverted',
  },
  {
    name: 'kit deleted early',
    happens: 'The folder of the kit is gone while the Mac is still raised.',
    raised: true,
    prepare: ({ mac }) => rmSync(mac.kit, { recursive: true }),
    visit: ({ revert }) => revert(),
    ends: { says: /open|such file|not found/i, state: STILL_RAISED, receipt: null },
    remedy: {
      text: 'break-glass page: `csrutil enable`, y, name and password; `reboot`',
      follow: ({ revert }) => revert(typing('csrutil enable', 'reboot')),
    },
    finally: 'reverted',
  },
  {
    name: 'csrutil enable answered n',
    happens: 'SIP is on again, but the custom kernel stays.',
    raised: true,
    visit: ({ revert }) => revert(person({ when: 'boot security\\? \\[y/n\\]: $', type: 'n' }, NOT_REDUCED)),
    ends: {
      says: /Stopped at: csrutil-enable/,
      state: { policy: { sip0: null, smb1: true } },
      receipt: 'failed:csrutil-enable',
    },
    remedy: { text: 'run the same line again, answer y', onScreen: AGAIN, follow: ({ revert }) => revert() },
    finally: 'reverted',
    inMoreShells: true,
  },
  {
    name: 'wrong password in revert',
    happens: 'The password is mistyped.',
    raised: true,
    visit: ({ revert }) =>
      revert(person({ when: 'Enter password for user [^\\n]*: $', type: 'mistyped', secret: true }, NOT_REDUCED)),
    ends: { says: /Unable to set credentials/, state: STILL_RAISED, receipt: 'failed:csrutil-enable' },
    remedy: { text: 'run the same line again', onScreen: AGAIN, follow: ({ revert }) => revert() },
    finally: 'reverted',
  },
  {
    name: 'power fails in revert',
    happens: 'The plug is pulled while csrutil asks; the arguments of the kernel that is still there are not lost.',
    raised: true,
    visit: ({ revert }) => revert(person({ when: 'boot security\\? \\[y/n\\]: $', powerCut: true })),
    ends: {
      state: { power: 'off', nvram: { stored: { 'boot-args': expect.stringContaining('hv_apple_isa_vm_quota') } } },
      receipt: 'started',
    },
    remedy: {
      text: 'run sheet: back by the button, the same line',
      follow: async ({ mac, revert }) => {
        cutPower(mac.dir);
        await revert();
      },
    },
    finally: 'reverted',
  },
  ...powerInRevert,
  bareRevert,
  {
    name: 'revert in the wrong recoveryOS',
    happens: 'The power button is pressed twice instead of held.',
    raised: true,
    visit: ({ revert }) => revert({ paired: false }),
    ends: { says: /Stopped at: environment[\s\S]*Nothing was changed/, state: STILL_RAISED, receipt: 'done' },
    remedy: {
      text: 'shut down, wait until it is off, hold the button in one motion',
      onScreen: /hold the power button in ONE motion/,
      follow: async ({ revert }) => {
        await revert({ line: 'shutdown -h now' });
        await revert();
      },
    },
    finally: 'reverted',
  },
  {
    name: 'DFU revive while the record says raised',
    happens: 'A revive wrote a fresh policy: stock kernel, SIP on, Full Security; the arguments sleep.',
    raised: true,
    prepare: ({ mac }) => void breakMac(mac.dir, 'full-security'),
    visit: null,
    ends: { state: { boot: { kernel: 'release' } }, receipt: 'done', observed: 'quota_asleep' },
    remedy: {
      text: 'a new visit; all steps are done again',
      follow: async (visitor) => {
        await nextVisit(visitor, 'unproven');
        await visitor.raise();
      },
    },
    finally: 'raised',
  },
];

export const revert: ScenarioGroup = { title: 'Revert', scenarios };
