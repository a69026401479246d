/**
 * A simulated Mac for the fault table. It has been through a whole raise and its way back once, and stands again before any step
 * as often as a cell wants. What it is judged by is all that lies on it, listed.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KcResult, Plan, PlanStep } from '@headroom/core';
import { breakMac, loadState, restartMac, simPaths, updateState } from '../../../packages/mac-sim/src/index.ts';
import { bootArgsFor, SimulatedMac } from '../simulated-mac.ts';

export const QUOTA = 16;
export const LINE = bootArgsFor(QUOTA);
export const HOME = '/var/db/headroom';
export const KDKS = '/Library/Developer/KDKs';
export const KIT = '/Library/Headroom';

/** All that changes a Mac. */
export const KINDS = [
  'install_kdk',
  'build_kc',
  'place_kit',
  'set_boot_args',
  'disarm_kit',
  'clear_boot_args',
  'remove_kit',
  'remove_kc',
  'remove_kdk',
] as const;
export type Kind = (typeof KINDS)[number];

/** `npm run faults` plays the whole table. */
export const isWhole = process.env['HEADROOM_FAULTS'] === 'all';
export const LONG_MS = isWhole ? 3_600_000 : 180_000;

const AGENT = fileURLToPath(new URL('../../../bin/headroom-agent.mjs', import.meta.url));
const DIE_AT = new URL('die-at.mjs', import.meta.url).href;
/** Long enough that a kill can hit a tool in its middle. */
const PACE = { kmutilCreateMs: 300, installerMs: 300 };

export class FaultMac extends SimulatedMac {
  /** What this Mac has built. */
  kc: KcResult | null = null;
  private cells = 0;
  private whole: Plan['grant'] = null;
  private readonly cleanEnds = new Map<Kind, readonly string[]>();

  /** One raise and its way back, kept before each step. */
  async make(): Promise<this> {
    this.start();
    writeFileSync(join(this.sysroot, '.mac-sim/pace.json'), JSON.stringify(PACE));
    mkdirSync(join(this.sysroot, 'usr/local/bin'), { recursive: true });
    this.whole = this.grant();
    for (const kind of KINDS) {
      if (kind === 'set_boot_args') this.visit();
      if (kind === 'disarm_kit') restartMac(this.sysroot);
      if (kind === 'remove_kit') this.visitBack();
      this.keep(kind);
      const { code, stdout, stderr } = await this.apply(this.planOf(kind));
      if (code !== 0) throw new Error(`${kind}: ${stdout}${stderr}`);
      if (kind === 'build_kc') this.kc = JSON.parse(/build_kc: succeeded (.*)/.exec(stdout)?.[1] ?? 'null');
    }
    return this;
  }

  stepOf(kind: Kind): PlanStep {
    const raise = this.raiseSteps(QUOTA).find((step) => step.kind === kind);
    if (raise !== undefined) return raise;
    return kind === 'set_boot_args' ? { kind, quota: QUOTA, bootArgs: LINE } : ({ kind } as PlanStep);
  }

  /** The same grant for all, so that what is placed under it is the same. */
  planOf(kind: Kind, step: PlanStep = this.stepOf(kind)): Plan {
    this.cells += 1;
    return this.plan([step], { planId: `${kind}-${this.cells}`, grant: this.whole });
  }

  /** Stands as it stood before this step. */
  before(kind: Kind): void {
    rmSync(this.sysroot, { recursive: true, force: true });
    copy(this.kept(kind), this.sysroot);
  }

  folderOf(macPath: string): void {
    mkdirSync(join(this.sysroot, macPath), { recursive: true });
  }

  private keep(kind: Kind): void {
    copy(this.sysroot, this.kept(kind));
  }

  private kept(kind: Kind): string {
    return join(this.folder, `before-${kind}`);
  }

  /** What a person does in recoveryOS, without recoveryOS: the policy lowered, the collection of the kit installed and booted. */
  private visit(): void {
    const { policy, volumes } = loadState(this.sysroot);
    const coih = createHash('sha384').update('the collection of the kit').digest('hex').toUpperCase();
    const object = simPaths(this.sysroot).customKernel(volumes.group, policy.nsih, coih);
    mkdirSync(dirname(object), { recursive: true });
    copyFileSync(join(this.sysroot, KIT, 'KernelCollection.kc'), object);
    updateState(this.sysroot, (draft) => {
      Object.assign(draft.policy, { smb0: true, smb1: true, sip0: '7f', sip2: true, sip3: true, coih });
    });
    restartMac(this.sysroot);
  }

  /** And back: Full Security, Apple's kernel. */
  private visitBack(): void {
    breakMac(this.sysroot, 'full-security');
  }

  /** What lies there after this step when nothing goes wrong. */
  async cleanEnd(kind: Kind): Promise<readonly string[]> {
    const known = this.cleanEnds.get(kind);
    if (known !== undefined) return known;
    this.before(kind);
    const { code, stdout, stderr } = await this.apply(this.planOf(kind));
    if (code !== 0) throw new Error(`${kind}: ${stdout}${stderr}`);
    this.cleanEnds.set(kind, this.listing());
    return this.listing();
  }

  /** Each change and each tool of the step, in order, when nothing goes wrong, and what lies there then. */
  async trace(kind: Kind): Promise<{ readonly changes: readonly string[]; readonly clean: readonly string[] }> {
    this.before(kind);
    const file = join(this.folder, 'trace');
    rmSync(file, { force: true });
    await ended(this.agent(this.planOf(kind), { HEADROOM_TRACE: file }));
    const clean = this.listing();
    this.cleanEnds.set(kind, clean);
    return { changes: readFileSync(file, 'utf8').trimEnd().split('\n'), clean };
  }

  /** Runs the plan and kills the agent at its Nth change; `afterMs` = that long after that tool has started. true = it hit. */
  async applyAndDie(plan: Plan, number: number, afterMs: number | null): Promise<boolean> {
    const after: Record<string, string> = afterMs === null ? {} : { HEADROOM_DIE_AFTER_MS: String(afterMs) };
    const notes = join(this.folder, 'trace-of-the-killed');
    const env = { HEADROOM_TRACE: notes, HEADROOM_DIE_AT: String(number), ...after };
    return (await ended(this.agent(plan, env))) === 'SIGKILL';
  }

  private agent(plan: Plan, env: Readonly<Record<string, string>>): ChildProcess {
    const args = ['--import', DIE_AT, AGENT, ...this.applyArgs(plan)];
    return spawn(process.execPath, args, { stdio: 'ignore', env: { ...process.env, ...env } });
  }

  /**
   * All that lies on this Mac, line by line, with what it holds; nothing of it may be of a work that was cut. What is another each
   * time is listed by its name alone. What the machine itself remembers counts, too: boot arguments, saved or not, and images attached.
   */
  listing(): readonly string[] {
    const { nvram } = loadState(this.sysroot);
    const unsaved = Object.entries(nvram.unflushed).map(([name, value]) => `unsaved ${name}=${value}`);
    const mounts = join(this.sysroot, '.mac-sim/mounts.json');
    const attached = existsSync(mounts) ? (JSON.parse(readFileSync(mounts, 'utf8')) as unknown[]).length : 0;
    const machine = [`attached ${attached}`, `boot-args=${nvram.stored['boot-args'] ?? ''}`, ...unsaved];
    return [...machine, ...this.linesBelow('')];
  }

  /** Links are not followed: `/var` leads to `/private/var`. */
  private linesBelow(folder: string): readonly string[] {
    const entries = readdirSync(join(this.sysroot, folder), { withFileTypes: true });
    return entries
      .filter(({ name }) => name !== '.mac-sim' && join(folder, name) !== BASELINE)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((entry) => {
        const path = join(folder, entry.name);
        return [this.lineOf(path), ...(entry.isDirectory() ? this.linesBelow(path) : [])];
      });
  }

  private lineOf(name: string): string {
    const path = join(this.sysroot, name);
    const seen = lstatSync(path);
    const mode = (seen.mode & 0o7777).toString(8);
    if (!seen.isFile()) return `${name} ${mode}`;
    if (ANOTHER_EACH_TIME.some((pattern) => pattern.test(name))) return `${name} ${mode} ...`;
    return `${name} ${mode} ${createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 12)}`;
  }
}

/** All cells of a step, also after one that went wrong. Gives back what was wrong. */
export async function eachCell<T>(cells: readonly T[], play: (cell: T) => Promise<void>): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const cell of cells) await play(cell).catch((error: unknown) => wrong.push(String(error)));
  return wrong;
}

export interface Listings {
  readonly before: readonly string[];
  /** When nothing goes wrong. */
  readonly clean: readonly string[];
  readonly now: readonly string[];
}

/** What a next attempt goes on from, and what fills the disk of a test. */
const MAY_STAY = [/\/headroom\/kdk\/[0-9a-f]{64}\.part /, /\.fills-the-disk /];

/** Whatever lies there neither as before the step nor as after it: a part of something, or something lost. */
export function halfMade({ before, clean, now }: Listings): readonly string[] {
  const whole = new Set([...before, ...clean]);
  const extra = now.filter((line) => !whole.has(line) && !MAY_STAY.some((pattern) => pattern.test(line)));
  const lost = before.filter((line) => clean.includes(line) && !now.includes(line));
  return [...extra, ...lost.map((line) => `lost ${line}`)];
}

/** No step writes it: any look at the Mac does that could read all of it. */
const BASELINE = 'private/var/db/headroom/baseline.json';

/** Counts of boots and plans, words for people, and times. */
const ANOTHER_EACH_TIME = [
  /^private\/var\/db\/headroom\/state\.json$/,
  /^private\/var\/db\/headroom\/logs\//,
  /^private\/var\/db\/receipts\//,
];

function copy(from: string, to: string): void {
  const { status, stderr } = spawnSync('cp', ['-a', from, to], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

function ended(child: ChildProcess): Promise<string | null> {
  return new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
}
