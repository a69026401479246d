/**
 * Fault table: every step that changes a Mac, times kill, reboot, disk full, hang and wrong input. Each cell ends done, or failed with
 * a code of its own; nothing half-made stays; and once the fault is over the same plan comes to its end.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS, type Facts, type PlanStep } from '@headroom/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isSuccess, localPorts, runLocalPlan } from '../../apps/agent/src/cli/local-plan.ts';
import { pinnedVerifier } from '../../apps/agent/src/grants/verify.ts';
import { openMac } from '../../apps/agent/src/mac.ts';
import { parsePlan } from '../../apps/agent/src/plan/parse-plan.ts';
import { updateState } from '../../packages/mac-sim/src/store.ts';
import { bootArgsFor, SimulatedMac } from './simulated-mac.ts';

const HOME = '/var/db/headroom';
const KDK = '/Library/Developer/KDKs';
const KIT = '/Library/Headroom';
const NVRAM = '/usr/sbin/nvram';
const WHOLE_KIT = ['KernelCollection.kc', 'manifest', 'raise'];
/** Scripts alone are harmless: without a manifest there is no kit. */
const SCRIPTS = ['raise', 'revert', 'check'];
const LINE = bootArgsFor(16);
const SLEEPER = '/usr/local/bin/sleeper';
const HANG_MS = 300;

/** Steps towards a raise; those of the way back are in way-back.test.ts. */
type Kind = 'install_kdk' | 'build_kc' | 'place_kit' | 'set_boot_args';

interface Row {
  /** What it is undone by, so that the cell has something to do. */
  readonly undo: () => void;
  /** Folder on a disk that is full, and which code says so. */
  readonly full: readonly [folder: string, code: string] | null;
  /** Tool and pattern of its arguments that hang, and the code. */
  readonly hangs: readonly (readonly [tool: string, args: RegExp, code: string])[];
  /** The step as somebody got it wrong, and the code. */
  readonly wrong: readonly (readonly [what: string, step: () => PlanStep, code: string])[];
}

let mac: SimulatedMac;
let steps: Readonly<Record<Kind, PlanStep>>;
beforeAll(async () => {
  mac = new SimulatedMac().start();
  writeFileSync(join(mac.sysroot, '.mac-sim/pace.json'), JSON.stringify({ kmutilCreateMs: 300, installerMs: 300 }));
  lowerPolicy();
  mkdirSync(join(mac.sysroot, 'usr/local/bin'), { recursive: true });
  writeFileSync(join(mac.sysroot, SLEEPER), '#!/bin/sh\nexec /bin/sleep 600\n', { mode: 0o755 });
  const [installKdk, buildKc, placeKit] = mac.raiseSteps();
  if (installKdk === undefined || buildKc === undefined || placeKit === undefined) throw new Error('no steps');
  const setBootArgs: PlanStep = { kind: 'set_boot_args', quota: 16, bootArgs: LINE };
  steps = { install_kdk: installKdk, build_kc: buildKc, place_kit: placeKit, set_boot_args: setBootArgs };
  expect(await work(Object.values(steps))).toEqual(Array(4).fill('succeeded'));
});
afterAll(() => mac.remove());

/** As after a visit, so that boot arguments can be written in macOS. */
function lowerPolicy(): void {
  updateState(mac.sysroot, ({ policy }) => {
    Object.assign(policy, { smb0: true, smb1: true, sip0: '7f', sip2: true, sip3: true });
  });
}

interface Hang {
  readonly tool: string;
  readonly args: RegExp;
}

/** In this process; a call that shall hang goes to a tool that sleeps, and is ended soon. Gives each step's outcome or code. */
async function work(
  wanted: readonly PlanStep[],
  hang: Hang | null = null,
  seen: (facts: Facts) => Facts = (facts) => facts,
): Promise<readonly string[]> {
  const plan = mac.plan(wanted);
  const planText = JSON.stringify(plan);
  const real = openMac(mac.sysroot);
  const run: typeof real.run = (tool, args, options) =>
    hang !== null && tool === hang.tool && hang.args.test(args.join(' '))
      ? real.run(SLEEPER, args, { ...options, timeoutMs: HANG_MS })
      : real.run(tool, args, options);
  const pem = readFileSync(mac.grantKeyFile, 'utf8');
  const verify = pinnedVerifier([{ keyId: 'key-1', pem }]);
  const local = await localPorts({ mac: { ...real, run }, identity: null, verify, kdkFile: mac.kdkFile });
  const ports = { ...local, facts: async () => seen(await local.facts()) };
  const signal = new AbortController().signal;
  const reports = await runLocalPlan({
    plan: parsePlan(planText),
    planText,
    idPrefix: 't',
    ports,
    signal,
    say: () => {},
  });
  return reports.map((report) => (isSuccess(report) ? 'succeeded' : (report.code ?? 'no code')));
}

const remove = (folder: string): void => rmSync(join(mac.sysroot, folder), { recursive: true, force: true });

const ROWS: Readonly<Record<Kind, Row>> = {
  install_kdk: {
    undo: () => remove(KDK),
    full: [`${HOME}/kdk`, 'DISK_FULL'],
    hangs: [
      ['/usr/bin/hdiutil', /^attach/, 'COMMAND_TIMED_OUT'],
      ['/usr/sbin/pkgutil', /^--check-signature/, 'COMMAND_TIMED_OUT'],
      ['/usr/sbin/pkgutil', /^--expand/, 'COMMAND_TIMED_OUT'],
      ['/usr/sbin/installer', /^-pkg/, 'COMMAND_TIMED_OUT'],
    ],
    wrong: [
      [
        'another sum',
        () => ({ ...steps.install_kdk, kdk: { ...mac.kdk, sha256: 'b'.repeat(64) } }) as PlanStep,
        'KDK_SHA256_MISMATCH',
      ],
      [
        'another build',
        () => ({ ...steps.install_kdk, kdk: { ...mac.kdk, build: '23F80' } }) as PlanStep,
        'PLAN_OUTDATED',
      ],
    ],
  },
  build_kc: {
    undo: () => remove(`${HOME}/kc`),
    full: [`${HOME}/kc`, 'KC_DISK_FULL'],
    hangs: [
      ['/usr/bin/kmutil', /^inspect/, 'COMMAND_TIMED_OUT'],
      ['/usr/bin/kmutil', /^create/, 'KC_TIMED_OUT'],
    ],
    wrong: [['another chip', () => ({ ...steps.build_kc, variant: 'T8112' }) as PlanStep, 'PLAN_OUTDATED']],
  },
  place_kit: {
    undo: () => remove(KIT),
    full: [KIT, 'DISK_FULL'],
    hangs: [],
    wrong: [
      [
        'another line than the grant makes',
        () => ({ ...steps.place_kit, bootArgs: `${LINE} -v` }) as PlanStep,
        'GRANT_ARGS_EXCEEDED',
      ],
      [
        'a quota above the grant',
        () => ({ ...steps.place_kit, quota: 255, bootArgs: bootArgsFor(255) }) as PlanStep,
        'GRANT_QUOTA_EXCEEDED',
      ],
    ],
  },
  set_boot_args: {
    undo: () => void spawnSync(join(mac.sysroot, NVRAM), ['-d', 'boot-args']),
    full: null,
    hangs: [
      [NVRAM, /boot-args=/, 'COMMAND_TIMED_OUT'],
      [NVRAM, /^-s$/, 'COMMAND_TIMED_OUT'],
    ],
    wrong: [
      [
        'a forbidden word',
        () => ({ ...steps.set_boot_args, bootArgs: `${LINE} amfi=1` }) as PlanStep,
        'GRANT_ARGS_EXCEEDED',
      ],
    ],
  },
};

/** Whole or not there at all: images, mounts, collection, kit, and what the journal holds. */
function expectNothingHalfMade(): void {
  expect(mac.list(`${HOME}/mnt`)).toEqual([]);
  expect(mac.list(`${HOME}/journal`)).toEqual([]);
  expect(mac.list(`${HOME}/kdk`).filter((name) => !/^[0-9a-f]{64}\.part$/.test(name))).toEqual([]);
  expect([[], ['23F79-T6020.kc', '23F79-T6020.kc.json']]).toContainEqual(mac.list(`${HOME}/kc`));
  const kit = mac.list(KIT);
  expect(kit.filter((name) => name.startsWith('.'))).toEqual([]);
  if (kit.includes('manifest')) expect(kit).toEqual(expect.arrayContaining(WHOLE_KIT));
}

/** A disk of its own, too small, in the place of the folder; null where mounting is not allowed. */
function makeFull(folder: string): (() => void) | null {
  const path = join(mac.sysroot, folder);
  mkdirSync(path, { recursive: true, mode: 0o755 });
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=128k,mode=755', 'tmpfs', path]).status !== 0) return null;
  return () => void spawnSync('umount', [path]);
}

const KINDS = Object.keys(ROWS) as Kind[];

it('fetches nothing into a container that cannot hold it, and goes on where its room is not known', {
  timeout: 90_000,
}, async () => {
  ROWS.install_kdk.undo();
  const freeIs = (freeBytes: number | null) => (facts: Facts) => ({ ...facts, disk: { freeBytes } });
  const needed = mac.kdk.sizeBytes * 7 + 300_000_000;
  expect(await work([steps.install_kdk], null, freeIs(needed - 1))).toEqual(['DISK_FULL']);
  expect([...mac.list(`${HOME}/kdk`), ...mac.list(KDK)]).toEqual([]);
  expect(await work([steps.install_kdk], null, freeIs(null))).toEqual(['succeeded']);
  expectNothingHalfMade();
});

it('installs a KDK whose files cannot be listed, and judges it then', { timeout: 90_000 }, async () => {
  ROWS.install_kdk.undo();
  const hang = { tool: '/usr/sbin/pkgutil', args: /^--payload-files/ };
  expect(await work([steps.install_kdk], hang)).toEqual(['succeeded']);
  expectNothingHalfMade();
});

describe.each(KINDS)('%s', { timeout: 90_000 }, (kind) => {
  const row = ROWS[kind];

  it.each(['kill', 'reboot'])('%s in the middle', async (fault) => {
    row.undo();
    const plan = mac.plan([steps[kind]]);
    expect(await mac.applyAndKill(plan, `${kind}: acting`, 100), 'the kill hit').toBe(true);
    if (fault === 'reboot') for (const command of ['power-cut', 'boot']) await mac.macSim(command);
    const { code, stdout } = await mac.apply(plan);
    expect([code, stdout]).toEqual([0, expect.stringContaining(`${kind}: succeeded`)]);
    expectNothingHalfMade();
  });

  const cell = row.full === null ? null : it;
  // A step that writes no file has no such cell.
  cell?.('disk full', async ({ skip }) => {
    const [folder, code] = row.full ?? ['', ''];
    row.undo();
    const cure = makeFull(folder);
    if (cure === null) return skip('only root may mount a small disk here');
    try {
      expect(await work([steps[kind]])).toEqual([code]);
      expect(
        mac
          .list(folder)
          .filter((name) => !name.endsWith('.part') && name !== 'BREAK-GLASS.txt' && !SCRIPTS.includes(name)),
      ).toEqual([]);
    } finally {
      cure();
    }
    expectNothingHalfMade();
  });

  it.each(row.hangs)('%s %s hangs', async (tool, args, code) => {
    row.undo();
    expect(await work([steps[kind]], { tool, args })).toEqual([code]);
    expectNothingHalfMade();
  });

  it.each(row.wrong)('%s', async (_what, step, code) => {
    row.undo();
    expect(await work([step()])).toEqual([code]);
    expectNothingHalfMade();
  });

  it('comes to its end once the faults are over', async () => {
    row.undo();
    expect(await work([steps[kind]])).toEqual(['succeeded']);
    expectNothingHalfMade();
    expect(mac.list(`${HOME}/kdk`), 'no image stays').toEqual([]);
  });

  it('names only codes of the catalogue', () => {
    const codes = [...row.hangs.map(([, , code]) => code), ...row.wrong.map(([, , code]) => code)];
    for (const code of codes) expect(Object.keys(ERRORS)).toContain(code);
  });
});
