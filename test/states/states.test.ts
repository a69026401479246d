/**
 * Goal: every state that the product promises is reached by a simulated Mac, or by the clock, and told apart by what the agent reads,
 * with the finding and the exact next step; and every edge between them is walked in the order in which it happens on a Mac.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Evaluation, HOST_STATES, type HostState } from '@headroom/core';
import { breakMac } from '@headroom/mac-sim';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_WORK, STOCK_INTENT } from '../../packages/core/testing/sample-host.ts';
import { LINE, MacInState } from './mac-in-state.ts';

interface Edge {
  /** How the Mac, the clock or a person gets it there. */
  readonly how: string;
  readonly act: (mac: MacInState) => unknown;
  readonly state: HostState;
  readonly finding?: string;
  /** What the exact next step says. */
  readonly next?: RegExp;
  readonly steps?: readonly string[];
  readonly visit?: string;
}

const STORES_ARGS = {
  finding: 'QUOTA_NOT_IN_FORCE',
  next: /^Restart the Mac once `hv_apple_isa_vm_quota=0xFF` is stored/,
};
const RAISED = { state: 'raised' } as const;

/** One Mac, from its first report to its way back. */
const WALK: readonly Edge[] = [
  {
    how: 'enrolled, no report yet',
    act: (mac) => set(mac, { facts: null }),
    state: 'no_facts',
    finding: 'NO_FACTS',
    next: /^Wait for the first report/,
  },
  {
    how: 'first report, the kit and its collection not there yet',
    act: async (mac) => {
      rm(mac, 'Library/Headroom');
      clear(mac);
    },
    state: 'not_started',
    steps: ['install_kdk', 'build_kc', 'place_kit'],
  },
  {
    how: 'the catalogue lost the KDK',
    act: (mac) => set(mac, { catalogue: { kdks: [], dropBundles: {} } }),
    state: 'kdk_missing',
    finding: 'KDK_NOT_IN_CATALOGUE',
    next: /^Download the Kernel Debug Kit for exactly build 23F79/,
  },
  {
    how: 'a husk of the KDK',
    act: async (mac) => {
      mac.installKdk(null);
      clear(mac);
    },
    state: 'kdk_missing',
    finding: 'KDK_HUSK',
    next: /installed again/,
    steps: ['install_kdk', 'build_kc', 'place_kit'],
  },
  {
    how: 'a KDK of other chips',
    act: (mac) => mac.installKdk('kernel.development.t8122'),
    state: 'kdk_missing',
    finding: 'KDK_VARIANT_MISSING',
    next: /^Use another build of macOS/,
  },
  {
    how: 'the whole KDK',
    act: (mac) => mac.installKdk('kernel.development.t6020'),
    state: 'kdk_ready',
    steps: ['build_kc', 'place_kit'],
  },
  {
    how: 'the collection built',
    act: async (mac) => {
      await place(mac);
      rm(mac, 'Library/Headroom/check');
      await mac.rememberKc();
    },
    state: 'kc_staged',
    steps: ['place_kit'],
  },
  {
    how: 'the kit placed',
    act: async (mac) => {
      await place(mac);
      await mac.rememberKc();
      await mac.rememberKit();
    },
    state: 'ready_for_visit',
    visit: 'raise',
  },
  {
    how: 'a visit broken off after csrutil',
    act: async (mac) => {
      mac.openVisit();
      mac.lower();
      mac.powerCut();
    },
    state: 'half_done',
    finding: 'HALF_DONE',
    next: /^Make the visit again/,
    visit: 'raise',
  },
  {
    how: 'and after configure-boot',
    act: (mac) => mac.installObject(),
    state: 'object_not_booted',
    finding: 'OTHER_OBJECT_IN_POLICY',
    next: /next visit replaces it/,
    visit: 'raise',
  },
  {
    how: 'restarted: our kernel, no arguments',
    act: (mac) => mac.restart(),
    state: 'args_missing',
    ...STORES_ARGS,
    steps: ['set_boot_args'],
  },
  {
    how: 'the agent stored them',
    act: (mac) => mac.store(LINE),
    state: 'reboot_due',
    ...STORES_ARGS,
    visit: 'restart',
  },
  { how: 'restarted', act: (mac) => mac.restart(), ...RAISED },
  {
    how: 'another visit opened: this boot is older',
    act: (mac) => mac.openVisit(),
    state: 'reboot_due',
    finding: 'BOOT_BEFORE_VISIT',
    next: /^Restart the Mac once\.$/,
    visit: 'restart',
  },
  { how: 'restarted after it', act: (mac) => mac.restart(), ...RAISED },
  {
    how: 'another quota written, restarted',
    act: (mac) => void breakMac(mac.mac.dir, 'quota-changed'),
    state: 'raised_other_value',
    finding: 'QUOTA_OTHER_VALUE',
    next: /^Restart the Mac once/,
    steps: ['set_boot_args'],
  },
  {
    how: 'stored again, restarted',
    act: async (mac) => {
      mac.store(LINE);
      mac.restart();
    },
    ...RAISED,
  },
  {
    how: 'csrutil enable, answered n',
    act: (mac) => void breakMac(mac.mac.dir, 'sip-enabled'),
    state: 'args_filtered',
    finding: 'ARGS_FILTERED',
    next: /^Make a raise visit; in it, SIP is switched off again/,
    visit: 'raise',
  },
  {
    how: 'its visit',
    act: async (mac) => {
      mac.openVisit();
      mac.lower();
      mac.restart();
    },
    ...RAISED,
  },
  {
    how: 'the policy names another kernel',
    act: (mac) => void breakMac(mac.mac.dir, 'object-changed'),
    state: 'drifted',
    finding: 'CUSTOM_KERNEL_CHANGED',
    next: /^Do not restart the Mac/,
    visit: 'raise',
  },
  {
    how: 'restarted all the same',
    act: (mac) => mac.restart(),
    state: 'foreign_kernel',
    finding: 'FOREIGN_KERNEL',
    next: /^Find out who installed it/,
    visit: 'raise',
  },
  {
    how: 'its visit',
    act: async (mac) => {
      mac.openVisit();
      mac.installObject();
      mac.restart();
    },
    ...RAISED,
  },
  {
    how: 'the policy lost the kernel',
    act: (mac) => void breakMac(mac.mac.dir, 'stock-kernel'),
    state: 'drifted',
    finding: 'DRIFTED',
    next: /^Make a raise visit/,
    visit: 'raise',
  },
  {
    how: 'its visit',
    act: async (mac) => {
      mac.openVisit();
      mac.installObject();
      mac.restart();
    },
    ...RAISED,
  },
  {
    how: 'kern.filesetuuid cannot be read',
    act: (mac) => void breakMac(mac.mac.dir, 'fileset-unreadable'),
    state: 'not_provable',
    finding: 'NOT_PROVABLE',
    next: /^Run `sysctl kern\.filesetuuid`/,
  },
  { how: 'it can again', act: (mac) => void breakMac(mac.mac.dir, 'tools-mended'), ...RAISED },
  {
    how: 'sysctl fails',
    act: (mac) => void breakMac(mac.mac.dir, 'sysctl-fails'),
    state: 'unknown',
    finding: 'FACT_UNKNOWN',
    next: /could not be read\.$/,
  },
  { how: 'it works again', act: (mac) => void breakMac(mac.mac.dir, 'tools-mended'), ...RAISED },
  {
    how: 'silent since an opened visit, FileVault on',
    act: async (mac) => {
      filevault(mac, true);
      silent(mac, 'silent');
    },
    state: 'waiting_for_unlock',
    finding: 'MAYBE_WAITING_FOR_UNLOCK',
    next: /^Go to the Mac and sign in/,
  },
  {
    how: 'silent for more than a day',
    act: (mac) => silent(mac, 'lost'),
    state: 'failed_boot',
    finding: 'MAYBE_FAILED_BOOT',
    next: /csrutil enable/,
  },
  {
    how: 'heard again after a restart',
    act: async (mac) => {
      clear(mac);
      filevault(mac, false);
      mac.restart();
    },
    ...RAISED,
  },
  {
    how: 'the system is another build',
    act: (mac) => void breakMac(mac.mac.dir, 'system-changed'),
    state: 'old_kernel_new_system',
    finding: 'OLD_KERNEL_NEW_SYSTEM',
    next: /^Let the agent build one for 23F80/,
  },
  {
    how: 'stock is wanted',
    act: (mac) => set(mac, { intent: STOCK_INTENT }),
    state: 'old_kernel_new_system',
    finding: 'STILL_LOWERED',
    next: /^Make the revert visit/,
    steps: ['disarm_kit', 'clear_boot_args'],
  },
  {
    how: 'csrutil enable, answered y',
    act: (mac) => void breakMac(mac.mac.dir, 'full-security'),
    state: 'reverted',
    finding: 'QUOTA_STILL_STORED',
    next: /^Nothing to do/,
    steps: ['remove_kit', 'remove_kc'],
  },
  {
    how: 'a guest after all',
    act: (mac) =>
      mac.change((draft) => {
        draft.hardware.model = 'VirtualMac2,1';
      }),
    state: 'unsupported',
    finding: 'HOST_IS_GUEST',
    next: /^Remove it from the policy/,
  },
];

let mac: MacInState;
const reached: { readonly edge: Edge; readonly seen: Evaluation }[] = [];
beforeAll(async () => {
  mac = await MacInState.start();
}, 60_000);
afterAll(() => mac?.mac.remove());

describe('a Mac goes from state to state', () => {
  it.each(WALK)('$how -> $state', async (edge) => {
    await edge.act(mac);
    const seen = await mac.look();
    reached.push({ edge, seen });
    const { state, findings, steps, visit } = seen;
    const codes = findings.map(({ code, detail }) => `${code}: ${detail}`).join('\n');
    expect(state, codes).toBe(edge.state);
    if (edge.finding !== undefined) {
      const found = findings.find(({ code }) => code === edge.finding);
      expect(found?.nextStep, codes).toMatch(edge.next ?? /never/);
    }
    if (edge.steps !== undefined) expect(steps?.map(({ kind }) => kind)).toEqual(edge.steps);
    if (edge.visit !== undefined) expect(visit?.kind, codes).toBe(edge.visit);
    if (edge.state === 'raised') expect(findings.filter(({ severity }) => severity === 'blocker')).toEqual([]);
  });

  it('and every state that exists was one of them', () => {
    const seen = new Set(reached.map(({ seen: { state } }) => state));
    expect(HOST_STATES.filter((state) => !seen.has(state))).toEqual([]);
  });

  it('drift always said when and what', () => {
    const drifted = reached.filter(({ edge }) =>
      ['CUSTOM_KERNEL_CHANGED', 'DRIFTED', 'ARGS_FILTERED'].includes(edge.finding ?? ''),
    );
    expect(drifted).toHaveLength(3);
    for (const { edge, seen } of drifted) {
      expect(seen.memory.drift.length, edge.how).toBeGreaterThan(0);
      const { detail } = seen.findings.find(({ code }) => code === edge.finding) ?? { detail: '' };
      expect(detail).toMatch(/it was .*; since 2026-03-01T\d\d:\d\d:00\.000Z it is /);
    }
  });
});

type Changes = MacInState['changes'];
function set(one: MacInState, changes: Changes): void {
  one.changes = { ...changes };
}
function clear(one: MacInState): void {
  one.changes = {};
}
function rm(one: MacInState, path: string): void {
  rmSync(join(one.mac.dir, path), { recursive: true, force: true });
}
/** As the agent leaves it. */
async function place(one: MacInState): Promise<void> {
  mkdirSync(one.mac.kit, { recursive: true });
  await one.mac.placeKit();
}
function filevault(one: MacInState, on: boolean): void {
  one.change((draft) => {
    draft.volumes.fileVault = on;
  });
}
/** Silent since its visit was opened, and not heard of after it. */
function silent(one: MacInState, presence: 'silent' | 'lost'): void {
  const openedAt = one.now.toISOString();
  set(one, { presence, work: { ...NO_WORK, visit: { visitId: 'v', kind: 'restart', openedAt } } });
}
