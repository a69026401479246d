/** Weeks later: updates, other people's changes, leaks. */
import { breakMac, loadState, offerUpdate, restartMac, startGuests, stopGuests, updateMac } from '@headroom/mac-sim';
import { expect } from 'vitest';
import { faults, headroomStoresBootArgs, nextVisit } from './acts.ts';
import { migrationAssistant } from './migrated.ts';
import type { Scenario, ScenarioGroup, Visitor } from './scenario.ts';

const NEXT = { version: '14.6.1', build: '23G93' } as const;

const rebuildAndRaise = async ({ mac, raise }: Visitor): Promise<void> => {
  await mac.placeKit(NEXT, { visit: 'rebuilt' });
  await raise();
};

const scenarios: readonly Scenario[] = [
  {
    name: 'update at the shutdown of the visit',
    happens:
      'A prepared update installs itself at the shutdown before the visit; the kernel of the kit is of the old build.',
    prepare: (visitor) => {
      offerUpdate(visitor.mac.dir, { ...NEXT, prepared: true });
      faults({ updatesAtShutdown: true })(visitor);
    },
    visit: ({ raise }) => raise(),
    ends: {
      says: /Stopped at: build[\s\S]*23G93 now, the kernel is for 23F79[\s\S]*Nothing was changed/,
      state: { policy: { sip0: null, coih: null } },
      receipt: null,
    },
    remedy: {
      text: 'reboot; Headroom builds for the new system and makes a new visit',
      onScreen: /type (reboot): the Mac starts as it is, and Headroom makes a kernel for the new build/,
      follow: async (visitor, [, line = '']) => {
        await visitor.raise({ line });
        await rebuildAndRaise(visitor);
      },
    },
    finally: 'raised',
    inTests: true,
    inMoreShells: true,
  },
  {
    name: 'enforced update at night',
    happens:
      'An update is installed while nobody looks: the stock kernel of the new system runs, the policy stays lowered.',
    raised: true,
    prepare: ({ mac }) => void updateMac(mac.dir, NEXT),
    visit: null,
    ends: { state: { boot: { kernel: 'release' } }, receipt: 'done', observed: 'policy_lowered' },
    remedy: { text: 'Headroom builds for the new system and makes a new visit', follow: rebuildAndRaise },
    finally: 'raised',
  },
  {
    name: 'old kernel under a new system',
    happens: 'After an update the policy still names the kernel of the old build: the Mac stops at an error.',
    raised: true,
    prepare: ({ mac }) => void updateMac(mac.dir, { ...NEXT, keepsCustomKernel: true }),
    visit: null,
    ends: { state: { power: 'failed', screen: 'Custom kernel failed to boot' }, receipt: 'done' },
    remedy: {
      text: 'break-glass page: hold the power button, Options, Terminal, the revert line',
      follow: ({ revert }) => revert(),
    },
    finally: 'reverted',
  },
  {
    name: 'an update resets SIP only',
    happens: 'SIP and the filter are back on, the kernel is still ours.',
    raised: true,
    prepare: ({ mac }) => void breakMac(mac.dir, 'sip-enabled'),
    visit: null,
    ends: { receipt: 'done', observed: 'quota_filtered' },
    remedy: {
      text: 'a new visit: only csrutil disable is left to do',
      follow: async (visitor) => {
        await nextVisit(visitor, 'proven');
        const { transcript } = await visitor.raise();
        expect(transcript).toContain('already done for this very kernel collection');
      },
    },
    finally: 'raised',
  },
  {
    name: 'foreign object',
    happens: 'Somebody installed another kernel collection; that some object is installed proves nothing.',
    raised: true,
    prepare: ({ mac }) => void breakMac(mac.dir, 'foreign-kernel'),
    visit: null,
    ends: {
      receipt: 'done',
      check: ({ mac }) => expect(mac.state().boot?.filesetUuid, 'kernel that runs').not.toBe(mac.kcUuid),
    },
    remedy: {
      text: 'a new visit: configure-boot is done again',
      follow: async (visitor) => {
        await nextVisit(visitor, 'unproven');
        await visitor.raise();
      },
    },
    finally: 'raised',
  },
  {
    name: 'arguments changed by another tool',
    happens: 'Another tool wrote a smaller quota.',
    raised: true,
    prepare: ({ mac }) => void breakMac(mac.dir, 'quota-changed'),
    visit: null,
    ends: { receipt: 'done', observed: 'quota_in_force' },
    remedy: { text: 'Headroom stores the planned line and asks for a restart', follow: headroomStoresBootArgs },
    finally: 'raised',
  },
  migrationAssistant(),
  {
    name: 'slot leak',
    happens: 'Guests ended badly and keep their slots: the kernel refuses new ones although none runs.',
    raised: true,
    prepare: ({ mac }) => {
      startGuests(mac.dir, 255, 'macos');
      stopGuests(mac.dir, 255, 'leak');
    },
    visit: null,
    ends: {
      receipt: 'done',
      check: ({ mac }) => {
        expect(loadState(mac.dir).guests).toEqual([]);
        expect(startGuests(mac.dir, 1, 'macos').refusal).toContain('VZErrorDomain');
      },
    },
    remedy: {
      text: 'restart the Mac: only that frees them',
      follow: ({ mac }) => {
        restartMac(mac.dir);
        expect(startGuests(mac.dir, 3, 'macos').refusal).toBeNull();
      },
    },
    finally: 'raised',
  },
];

export const later: ScenarioGroup = { title: 'Later', scenarios };
