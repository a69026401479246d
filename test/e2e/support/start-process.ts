/**
 * `npm start` as a process, on a state folder of its own. Linux only, because /proc tells which processes belong to it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { newStateDir, ROOT } from './fleet.ts';
import { pause } from './until.ts';

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
}

export interface RunningStart {
  readonly child: ChildProcess;
  /** What it printed so far. */
  output(): string;
  readonly ended: Promise<Ended>;
}

export class StartFolder {
  readonly stateDir = newStateDir();

  start(args: readonly string[]): RunningStart {
    const command = [join(ROOT, 'bin/start.mjs'), '--state-dir', this.stateDir, ...args];
    const child = spawn(process.execPath, command, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString('utf8');
      });
    const ended = new Promise<Ended>((resolve) =>
      child.once('close', (code, signal) => resolve({ code, signal, output })),
    );
    return { child, output: () => output, ended };
  }

  /** Every process that works on this folder, except `npm start` itself: controller, Postgres with its children, agents, tools. */
  processes(): readonly ProcessRow[] {
    return processesOf(this.stateDir).filter(({ command }) => !command.includes('bin/start.mjs'));
  }

  /** Gives processes a moment to end by themselves; whatever is then left is an orphan. */
  async orphans(ms = 10_000): Promise<readonly ProcessRow[]> {
    const end = Date.now() + ms;
    while (this.processes().length > 0 && Date.now() < end) await pause(100);
    return this.processes();
  }

  remove(): void {
    for (const { pid } of this.processes()) kill(pid);
    rmSync(this.stateDir, { recursive: true, force: true });
  }
}

export interface ProcessRow {
  readonly pid: number;
  readonly command: string;
  readonly cwd: string;
}

export function processesOf(folder: string): readonly ProcessRow[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((pid) => readProcess(Number(pid)))
    .filter(({ command, cwd }) => command.includes(folder) || cwd.startsWith(folder));
}

/** Postgres's own children have no folder in their command line, but work in it. */
function readProcess(pid: number): readonly ProcessRow[] {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    if (command === '') return [];
    return [{ pid, command, cwd: readlinkSync(`/proc/${pid}/cwd`) }];
  } catch {
    return [];
  }
}

export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended a moment ago.
  }
}
