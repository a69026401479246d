import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

interface ControllerAddresses {
  readonly apiUrl: string;
  readonly enrolUrl: string;
  readonly agentUrl: string;
}

export interface RunningController extends ControllerAddresses {
  readonly adminToken: string;
  readonly child: ChildProcess;
  /** Resolves when the process has ended, with what it said last when nobody asked it to. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

const STOP_TIMEOUT_MS = 20_000;
const LAST_LINES = 30;

export interface ControllerProcessOptions {
  readonly root: string;
  readonly stateDir: string;
  readonly logFile: string;
  readonly extraArgs?: readonly string[];
}

/** Starts `headroom-controller serve` for simulated Macs; it ends with this process, however this process ends. */
export async function startController({
  root,
  stateDir,
  logFile,
  extraArgs = [],
}: ControllerProcessOptions): Promise<RunningController> {
  const main = join(root, 'apps/controller/dist/main.js');
  const args = [
    main,
    'serve',
    '--state-dir',
    stateDir,
    '--simulation',
    '--exit-with-parent',
    '--fleet-name',
    'quickstart',
    '--public-url',
    'own',
    ...extraArgs,
  ];
  // A group of its own: Ctrl-C reaches `npm start` alone, which then stops everything in order.
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  child.stdin.on('error', () => {});
  const log = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line);
    if (lines.length > LAST_LINES) lines.shift();
    log.write(`${line}\n`);
  });
  const ended = new Promise<string>((resolve) =>
    child.once('exit', (code, signal) => resolve(`controller ended (${signal ?? code}): ${lastWords(lines)}`)),
  );
  const ready = new Promise<ControllerAddresses>((resolve) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line) as ControllerAddresses));
  });
  const first = await Promise.race([ready, ended]);
  if (typeof first === 'string') throw new Error(`${first}\nIts log: ${logFile}`);
  const adminToken = (await readFile(join(stateDir, 'admin.token'), 'utf8')).trim();
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    child.kill('SIGTERM');
    await ended;
    clearTimeout(force);
  };
  return { ...first, adminToken, child, ended, stop };
}

/** What went wrong, of the last lines of a process. A crash of Node ends with its version; the reason stands above the stack. */
export function lastWords(lines: readonly string[]): string {
  return lines.findLast((line) => /^(\w*Error\b|headroom-controller:)/.test(line)) ?? lines.at(-1) ?? 'it said nothing';
}
