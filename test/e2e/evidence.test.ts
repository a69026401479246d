/**
 * Property: nothing is called raised that the evidence does not show, and nothing unknown is shown as known. On raised Macs one
 * piece of evidence is broken at a time; what the API then says is compared with what the simulated kernel really allows.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { breakMac, loadState, type SimState, simPaths, startGuests, stopGuests, updateState } from '@headroom/mac-sim';
import type { FleetMember } from '@headroom/quickstart';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHOICES, type HostView, newestEvent, QUOTA, ROOT, statesSince, TestFleet } from './support/fleet.ts';
import { pause } from './support/until.ts';

const QUOTA_WORD = '`hv_apple_isa_vm_quota=0xFF`';
const STORES_AGAIN = `Restart the Mac once ${QUOTA_WORD} is stored; the agent stores it when a grant covers it.`;
const HYPERVISOR = {
  code: 'HYPERVISOR_NOT_IN_FORCE',
  nextStep: 'Restart the Mac once `hypervisor=0x1` is stored; the agent stores it when a grant covers it.',
};
const DRIFTED = {
  code: 'DRIFTED',
  nextStep: 'Make a raise visit when it is planned. If macOS was updated, defer updates from now on.',
};
const unreadable = (path: string) => ({
  code: 'FACT_UNKNOWN',
  nextStep: `Cure what the reason names, or run \`headroom-agent doctor\` on the Mac: ${path} could not be read.`,
});
const PIECES = [
  'fileset_uuid',
  'development_kernel',
  'quota_in_force',
  'hypervisor_in_force',
  'custom_kernel_in_policy',
  'filtering_off',
  'build_agrees',
  'boot_after_visit',
];
/** More than stock, and more than the changed quota: asks the simulated kernel how many macOS guests it takes. */
const GUESTS = 5;

interface Case {
  /** Name of the break. */
  readonly name: string;
  /** The state that it comes to rest in. */
  readonly state: string;
  readonly findings: readonly { readonly code: string; readonly nextStep: string }[];
  readonly lacks: Readonly<Record<string, false | null>>;
  /** What the visit is that then waits for a person; null = none. */
  readonly visit: 'raise' | 'restart' | null;
  /** macOS guests that the simulated kernel then takes, of five. */
  readonly guests: number;
}

const CASES: readonly Case[] = [
  {
    name: 'boot-args-cleared',
    state: 'reboot_due',
    findings: [{ code: 'QUOTA_NOT_IN_FORCE', nextStep: STORES_AGAIN }, HYPERVISOR],
    lacks: { quota_in_force: false, hypervisor_in_force: false },
    visit: 'restart',
    guests: 2,
  },
  {
    name: 'quota-changed',
    state: 'raised_other_value',
    findings: [{ code: 'QUOTA_OTHER_VALUE', nextStep: STORES_AGAIN }],
    lacks: { quota_in_force: false },
    visit: 'restart',
    guests: 4,
  },
  {
    name: 'hypervisor-missing',
    state: 'reboot_due',
    findings: [HYPERVISOR],
    lacks: { hypervisor_in_force: false },
    visit: 'restart',
    guests: 2,
  },
  {
    name: 'foreign-kernel',
    state: 'foreign_kernel',
    findings: [
      {
        code: 'FOREIGN_KERNEL',
        nextStep: 'Find out who installed it, then make a raise visit: it installs the kernel collection built here.',
      },
    ],
    lacks: { fileset_uuid: false, custom_kernel_in_policy: false },
    visit: 'raise',
    guests: GUESTS,
  },
  {
    name: 'stock-kernel',
    state: 'drifted',
    findings: [DRIFTED],
    lacks: { development_kernel: false, fileset_uuid: false, custom_kernel_in_policy: false },
    visit: 'raise',
    guests: 2,
  },
  {
    name: 'full-security',
    state: 'drifted',
    findings: [DRIFTED],
    lacks: {
      development_kernel: false,
      fileset_uuid: false,
      custom_kernel_in_policy: false,
      filtering_off: false,
      quota_in_force: false,
      hypervisor_in_force: false,
    },
    visit: 'raise',
    guests: 2,
  },
  {
    name: 'sip-enabled',
    state: 'args_filtered',
    findings: [
      {
        code: 'ARGS_FILTERED',
        nextStep: 'Make a raise visit; in it, SIP is switched off again. Find out who ran `csrutil enable`.',
      },
    ],
    lacks: { filtering_off: false, quota_in_force: false, hypervisor_in_force: false },
    visit: 'raise',
    guests: 2,
  },
  {
    name: 'system-changed',
    state: 'old_kernel_new_system',
    findings: [
      {
        code: 'OLD_KERNEL_NEW_SYSTEM',
        nextStep: 'Let the agent build one for 23F80, then make a raise visit. Defer updates from now on.',
      },
    ],
    lacks: { build_agrees: false },
    visit: null,
    guests: GUESTS,
  },
  {
    name: 'fileset-unreadable',
    state: 'not_provable',
    findings: [
      {
        code: 'NOT_PROVABLE',
        nextStep:
          'Run `sysctl kern.filesetuuid` on the Mac. If it does not exist there, this build cannot be proven: nothing weaker counts.',
      },
    ],
    lacks: { fileset_uuid: null },
    visit: null,
    guests: GUESTS,
  },
  {
    name: 'bputil-fails',
    state: 'unknown',
    findings: [unreadable('bootPolicy.customKernel')],
    lacks: { custom_kernel_in_policy: null },
    visit: null,
    guests: GUESTS,
  },
  {
    name: 'sysctl-fails',
    state: 'unknown',
    findings: [unreadable('hardware.virtualMachine')],
    lacks: {
      fileset_uuid: null,
      quota_in_force: null,
      hypervisor_in_force: null,
      boot_after_visit: null,
    },
    visit: null,
    guests: GUESTS,
  },
];

let fleet: TestFleet;
/** State and installed kernel object of each Mac as it was raised. */
let whole: readonly { readonly state: SimState; readonly objectPath: string; readonly object: Buffer }[];

beforeAll(async () => {
  fleet = await TestFleet.start([CHOICES.sonoma, CHOICES.sequoia]);
  await fleet.fleet.wantQuota(QUOTA);
  await fleet.raise();
  whole = fleet.fleet.members.map(({ mac }) => {
    const state = loadState(mac.dir);
    const { nsih, coih } = state.policy;
    const objectPath = simPaths(mac.dir).customKernel(state.volumes.group, nsih, coih ?? 'none');
    return { state, objectPath, object: readFileSync(objectPath) };
  });
}, 200_000);
afterAll(() => fleet?.stop(), 60_000);

describe('macOS guests that somebody counted in this boot', () => {
  it('make the raise witnessed, until the next boot; their processes alone do not', async () => {
    const member = fleet.member(1);
    await raisedAgain(member);
    const { dir } = member.mac;
    const { started } = startGuests(dir, GUESTS, 'macos');
    const counted = (host: HostView) => host.facts?.['guests']?.['processesAtMost'] === started;
    expect(await fleet.hostUntil(member, 'guests are seen', counted)).toMatchObject({ proof: 'configured' });
    const said = ['witness', '--sysroot', dir, '--guests', String(started), '--source', 'probe'];
    execFileSync(process.execPath, [join(ROOT, 'bin/headroom-agent.mjs'), ...said]);
    const host = await fleet.hostUntil(member, 'witnessed', ({ proof }) => proof === 'witnessed');
    expect(host).toMatchObject({ state: 'raised', witness: { macosGuests: GUESTS, source: 'probe', by: 'agent' } });
    stopGuests(dir, started);
    await member.mac.restart();
    const session = loadState(dir).boot?.sessionId;
    const again = await fleet.hostUntil(
      member,
      'raised in the next boot, which nobody witnessed',
      // Facts are seen a moment before what follows from them.
      ({ state, proof, facts }) =>
        state === 'raised' && proof === 'configured' && facts?.['boot']?.['sessionId'] === session,
    );
    expect(again).toMatchObject({ witness: null });
  });
});

describe('one piece of evidence is broken on a raised Mac', () => {
  it.each(CASES)('$name: $state', async ({ name, state, findings, lacks, visit, guests }) => {
    const member = fleet.member(0);
    const before = await raisedAgain(member);
    expect(guestsTaken(member), 'macOS guests on the raised Mac').toBe(GUESTS);

    breakMac(member.mac.dir, name);
    const host = await fleet.hostUntil(
      member,
      `${state} with ${visit} visit`,
      (seen) => seen.state === state && openVisit(seen) === visit && hasBrokenFacts(seen, lacks),
    );

    expect(guestsTaken(member), 'macOS guests that the simulated kernel takes').toBe(guests);
    for (const wanted of findings) expect(host.findings).toContainEqual(expect.objectContaining(wanted));
    const holding = Object.fromEntries(host.evidence.map(({ id, holds }) => [id, holds]));
    expect(holding).toEqual({ ...Object.fromEntries(PIECES.map((id) => [id, true])), ...lacks });
    for (const { holds, seen } of host.evidence) expect(seen === 'unknown').toBe(holds === null);
    await pause(2_500);
    const later = await fleet.host(member);
    expect(later.state).toBe(state);
    expect(statesSince(later, newestEvent(before)), 'states since the break').not.toContain('raised');
  });

  it('object-purged: an error screen, and silence that is shown as silence', async () => {
    const member = fleet.member(1);
    await raisedAgain(member);
    expect(breakMac(member.mac.dir, 'object-purged').power).toBe('failed');
    const asleep = await fleet.hostUntil(member, 'not online', ({ presence }) => presence !== 'online');
    expect(asleep.presence).toBe('asleep');
    for (const [minutes, presence, finding] of [
      [
        11,
        'silent',
        {
          code: 'HOST_SILENT',
          severity: 'warning',
          nextStep: 'Check power, network and the unlock screen, and that Headroom is switched on in Login Items.',
        },
      ],
      [
        25 * 60,
        'lost',
        {
          code: 'HOST_LOST',
          severity: 'blocker',
          nextStep:
            'Find the Mac, and check that it is on, unlocked, on the network, and that Headroom is switched on in Login Items.',
        },
      ],
    ] as const) {
      await letTimePass(member, minutes);
      const host = await fleet.hostUntil(member, presence, (seen) => seen.presence === presence);
      expect(host.findings).toContainEqual(expect.objectContaining(finding));
    }
  });
});

describe('what will be lost with the next start is put right before it', () => {
  it.each(['boot-args-cleared-later', 'quota-changed-later'])('%s', async (name) => {
    const member = fleet.member(1);
    const before = await raisedAgain(member);
    const stored = loadState(member.mac.dir).nvram.stored['boot-args'];
    breakMac(member.mac.dir, name);
    expect(loadState(member.mac.dir).nvram.stored['boot-args']).not.toBe(stored);
    const isNew = (host: HostView) =>
      host.timeline.some(({ id, kind }) => id > newestEvent(before) && kind === 'plan.done');
    const host = await fleet.hostUntil(member, 'the arguments are stored again', isNew);
    expect(host.plan?.steps.map(({ kind }) => kind)).toEqual(['set_boot_args']);
    expect(loadState(member.mac.dir).nvram.stored['boot-args']).toBe(stored);
    const { findings, state } = await fleet.hostUntil(
      member,
      'no finding any more',
      (seen) => !seen.findings.some(({ code }) => code === 'ARGS_NOT_STORED'),
    );
    expect({ state, blockers: findings.filter(({ severity }) => severity === 'blocker') }).toEqual({
      state: 'raised',
      blockers: [],
    });
    expect(guestsTaken(member)).toBe(GUESTS);
  });
});

describe('what takes no evidence away is a note, and the Mac stays raised', () => {
  const NOTES = [
    { name: 'kdk-purged', code: 'KDK_PURGED', severity: 'note' },
    { name: 'nvram-fails', code: 'READINESS_UNKNOWN', severity: 'warning' },
    { name: 'kc-purged', code: 'KC_PURGED', severity: 'note' },
  ];
  it.each(NOTES)('$name: $code', async ({ name, ...finding }) => {
    const member = fleet.member(1);
    const before = await raisedAgain(member);
    breakMac(member.mac.dir, name);
    const host = await fleet.hostUntil(member, finding.code, (seen) =>
      seen.findings.some(({ code }) => code === finding.code),
    );
    expect(host.state).toBe('raised');
    expect(host.findings).toContainEqual(expect.objectContaining(finding));
    expect(host.evidence.every(({ holds }) => holds === true)).toBe(true);
    expect(guestsTaken(member)).toBe(GUESTS);
    expect(statesSince(await fleet.host(member), newestEvent(before))).toEqual([]);
  });
});

describe('the next step that is told is the one that helps', () => {
  it.each(['boot-args-cleared', 'sip-enabled'])('%s: after its visit the Mac is raised again', async (name) => {
    const member = fleet.member(0);
    await raisedAgain(member);
    breakMac(member.mac.dir, name);
    await fleet.hostUntil(member, 'a visit waits', (seen) => seen.state !== 'raised' && openVisit(seen) !== null);
    await fleet.raise([member]);
    expect(guestsTaken(member)).toBe(GUESTS);
  });
});

/** Undoes earlier breaks as if they had never been, and waits until the evidence of a new boot is in. */
async function raisedAgain(member: FleetMember): Promise<HostView> {
  const { mac } = member;
  const mended = whole[fleet.fleet.members.indexOf(member)];
  if (mended === undefined) throw new Error('no whole state was kept');
  writeFileSync(mended.objectPath, mended.object);
  if (whatMatters(loadState(mac.dir)) !== whatMatters(mended.state)) {
    const { policy, nvram, behaviour, os, volumes } = structuredClone(mended.state);
    updateState(mac.dir, (draft) => void Object.assign(draft, { policy, nvram, behaviour, os, volumes }));
    await mac.restart();
  }
  const session = loadState(mac.dir).boot?.sessionId;
  return fleet.hostUntil(
    member,
    'raised again',
    (host) => host.state === 'raised' && host.facts?.['boot']?.['sessionId'] === session && openVisit(host) === null,
  );
}

/** What a break changes, stored or in force. */
function whatMatters({ policy, nvram, behaviour, os, boot }: SimState): string {
  return JSON.stringify({ policy, nvram, behaviour, os, inForce: boot?.bootArgsInForce, kernel: boot?.filesetUuid });
}

function guestsTaken({ mac }: FleetMember): number {
  const { started } = startGuests(mac.dir, GUESTS, 'macos');
  stopGuests(mac.dir, started);
  return started;
}

function openVisit({ visit }: HostView): string | null {
  return visit !== null && (visit.state === 'due' || visit.state === 'open') ? visit.kind : null;
}

function hasBrokenFacts({ evidence }: HostView, lacks: Case['lacks']): boolean {
  return Object.entries(lacks).every(([id, holds]) => evidence.find((piece) => piece.id === id)?.holds === holds);
}

/** Nobody can wait a day in a test: the moment of the last word is put back instead. */
async function letTimePass({ hostId }: FleetMember, minutes: number): Promise<void> {
  await fleet.sql(`UPDATE host_report SET last_seen_at = now() - $2 * interval '1 minute' WHERE host_id = $1`, [
    hostId,
    minutes,
  ]);
  await fleet.sql('UPDATE host_state SET due_at = now() WHERE host_id = $1', [hostId]);
}
