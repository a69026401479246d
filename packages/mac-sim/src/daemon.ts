/** One daemon as launchd keeps it: started again when it ends, throttled, its whole process group ended with it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

export interface DaemonSpec {
  readonly label: string;
  /** Absolute path of the program. */
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** File that output is appended to; without it output is dropped. */
  readonly log?: string;
}

/** What happened to a daemon. */
export type DaemonEvent =
  | { readonly what: 'started'; readonly label: string; readonly pid: number }
  | { readonly what: 'ended'; readonly label: string; readonly code: number | null; readonly signal: string | null }
  | { readonly what: 'not-started'; readonly label: string; readonly reason: string };

export interface DaemonOptions {
  readonly throttleMs: number;
  report(event: DaemonEvent): void;
}

/** Process groups alive now, so that the exit of this process leaves none behind. */
const liveGroups = new Set<number>();
process.on('exit', () => {
  for (const group of liveGroups) signalGroup(group, 'SIGKILL');
});

export class DaemonProcess {
  readonly #spec: DaemonSpec;
  readonly #options: DaemonOptions;
  #child: ChildProcess | null = null;
  #restart: NodeJS.Timeout | null = null;
  #wanted = false;

  constructor(spec: DaemonSpec, options: DaemonOptions) {
    this.#spec = spec;
    this.#options = options;
  }

  start(): void {
    this.#wanted = true;
    this.#run();
  }

  /** Resolves when the daemon is gone; SIGKILL follows after the grace. */
  async end(signal: 'SIGTERM' | 'SIGKILL', graceMs: number): Promise<void> {
    this.#wanted = false;
    if (this.#restart !== null) clearTimeout(this.#restart);
    this.#restart = null;
    const child = this.#child;
    if (child?.pid === undefined) return;
    const { pid } = child;
    const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
    signalGroup(pid, signal);
    const killer = setTimeout(() => signalGroup(pid, 'SIGKILL'), graceMs);
    await gone;
    clearTimeout(killer);
  }

  #run(): void {
    const { label, command, args, env, log } = this.#spec;
    const startedAt = Date.now();
    const output = log === undefined ? 'ignore' : openSync(log, 'a', 0o600);
    const child = spawn(command, [...args], { cwd: '/', env, detached: true, stdio: ['pipe', output, output] });
    // The pipe closes with this process, however it ends: a daemon that watches its standard input ends too.
    child.stdin?.on('error', () => {});
    if (typeof output === 'number') closeSync(output);
    this.#child = child;
    if (child.pid !== undefined) {
      liveGroups.add(child.pid);
      this.#options.report({ what: 'started', label, pid: child.pid });
    }
    child.once('error', (error) => {
      this.#options.report({ what: 'not-started', label, reason: error.message });
      if (child.pid === undefined) this.#ended(child, startedAt);
    });
    child.once('close', (code, signal) => {
      if (child.pid === undefined) return;
      this.#options.report({ what: 'ended', label, code, signal });
      this.#ended(child, startedAt);
    });
  }

  #ended(child: ChildProcess, startedAt: number): void {
    if (child.pid !== undefined) {
      // What the daemon started ends with it, as under launchd.
      signalGroup(child.pid, 'SIGKILL');
      liveGroups.delete(child.pid);
    }
    this.#child = null;
    if (!this.#wanted) return;
    const waitMs = Math.max(0, startedAt + this.#options.throttleMs - Date.now());
    this.#restart = setTimeout(() => this.#run(), waitMs);
  }
}

function signalGroup(group: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-group, signal);
  } catch {
    // Already gone.
  }
}
