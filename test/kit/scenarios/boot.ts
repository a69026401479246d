/** The first boot of the new kernel, and what does not come of it. */
import { guestQuota, restartMac } from '@headroom/mac-sim';
import { expect } from 'vitest';
import { change, faults, headroomStoresBootArgs } from './acts.ts';
import { longLine } from './long-line.ts';
import type { Scenario, ScenarioGroup, Visitor } from './scenario.ts';
import { unlockTwice } from './unlock.ts';

const BREAK_GLASS = 'break-glass page: hold the power button, Options, Terminal, the revert line';

const scenarios: readonly Scenario[] = [
  {
    name: 'a bar that never ends',
    happens: 'The new kernel hangs; the Mac shows a progress bar and stays silent.',
    prepare: faults({ kernelFault: 'hangs' }),
    visit: ({ raise }) => raise(),
    ends: { state: { power: 'failed', screen: '(a progress bar that never ends)' }, receipt: 'done' },
    remedy: { text: BREAK_GLASS, follow: ({ revert }) => revert() },
    finally: 'reverted',
    inTests: true,
    inMoreShells: true,
  },
  {
    name: 'panic loop',
    happens: 'The new kernel panics at each start.',
    prepare: faults({ kernelFault: 'panics' }),
    visit: ({ raise }) => raise(),
    ends: { state: { power: 'failed', screen: '(the Mac restarts again and again)' }, receipt: 'done' },
    remedy: { text: BREAK_GLASS, follow: ({ revert }) => revert() },
    finally: 'reverted',
  },
  {
    name: 'a kernel without the quota',
    happens: 'This build of the kernel does not know the argument: all is as it should be, and two guests run.',
    prepare: ({ mac }) => mac.placeKit({ hasQuotaSupport: false }),
    visit: ({ raise }) => raise(),
    ends: { receipt: 'done', observed: 'quota_in_force', check: (visitor) => expectGuests(visitor, 2) },
    remedy: {
      text: 'Headroom looks for the word in the KDK before it builds; should a Mac get this far, revert it',
      follow: ({ revert }) => revert(),
    },
    finally: 'reverted',
  },
  {
    name: 'an argument without effect',
    happens: 'A word before ours turns the hypervisor argument off: the first of two equal keys counts.',
    raised: true,
    prepare: ({ mac }) => void storeAndRestart(mac.dir, `hypervisor=0 ${mac.bootArgs}`),
    visit: null,
    ends: { receipt: 'done', check: (visitor) => expectGuests(visitor, 2) },
    remedy: { text: 'Headroom writes each key once and asks for a restart', follow: headroomStoresBootArgs },
    finally: 'raised',
  },
  {
    name: 'duplicate keys',
    happens: 'The quota stands twice in the line, and the first, smaller one counts.',
    raised: true,
    prepare: ({ mac }) => void storeAndRestart(mac.dir, `hv_apple_isa_vm_quota=0x3 ${mac.bootArgs}`),
    visit: null,
    ends: { receipt: 'done', check: (visitor) => expectGuests(visitor, 3) },
    remedy: { text: 'Headroom writes each key once and asks for a restart', follow: headroomStoresBootArgs },
    finally: 'raised',
  },
  longLine,
  unlockTwice(),
];

function storeAndRestart(dir: string, line: string): void {
  change(({ nvram }) => {
    nvram.stored['boot-args'] = line;
  })({ mac: { dir } } as Visitor);
  restartMac(dir);
}

function expectGuests({ mac }: Visitor, wanted: number): void {
  const { boot } = mac.state();
  expect(boot === null ? null : guestQuota(boot), 'guests allowed').toBe(wanted);
}

export const boot: ScenarioGroup = { title: 'Boot', scenarios };
