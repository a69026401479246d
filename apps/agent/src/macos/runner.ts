/**
 * The one place where the agent starts a macOS tool.
 * Guarantee: no shell, absolute path under the sysroot, cleared environment with a fixed locale, no stdin unless given,
 * time and output limited; on a limit, an abort or the agent's own exit the tool's whole process group is killed, so no
 * child is left. `runTool` never throws for what the tool does: it says what happened.
 */
import { execa } from 'execa';
import { CommandError, type CommandFailure } from './command-error.ts';
import { resolve } from './sysroot.ts';

export { CommandError, type CommandFailure } from './command-error.ts';

export const TIMEOUT_MS_DEFAULT = 30_000;
export const OUTPUT_BYTES_MAX_DEFAULT = 4 * 1024 * 1024;

/** All that a tool inherits. A fixed locale keeps texts in English wherever the tool itself obeys it. */
const ENVIRONMENT = { LANG: 'C', LC_ALL: 'C', PATH: '/usr/bin:/bin:/usr/sbin:/sbin', HOME: '/var/root' } as const;

export interface RunOptions {
  readonly sysroot: string;
  /** Absolute path on the Mac, such as `/usr/sbin/nvram`. */
  readonly path: string;
  readonly args: readonly string[];
  readonly timeoutMs?: number;
  /** Limit of stdout and of stderr, each. */
  readonly outputBytesMax?: number;
  /** Text for stdin; without it stdin is /dev/null. */
  readonly input?: string;
  readonly signal?: AbortSignal;
}

export interface RunResult {
  /** Path on the Mac and arguments, for messages. */
  readonly command: string;
  /** null when the tool did not start or was killed. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly signal: string | null;
  /** The tool does not exist on this Mac. */
  readonly missing: boolean;
  readonly timedOut: boolean;
  readonly aborted: boolean;
  /** A stream went over `outputBytesMax`; the tool was killed and the text is cut. */
  readonly outputCut: boolean;
  /** Why it could not be started at all (permission, no memory); null when it ran. */
  readonly startError: string | null;
}

/** Hears of each tool's process group; a tool outlives an agent that is killed, and the next one has to know of it. */
export interface ToolWatch {
  started(group: number, path: string): void;
  ended(group: number): void;
}
let toolWatch: ToolWatch | null = null;
export function watchTools(watcher: ToolWatch | null): void {
  toolWatch = watcher;
}

/** Tools that run now, by process group, so that the agent's exit leaves none behind. */
const liveGroups = new Set<number>();
process.on('exit', () => {
  for (const group of liveGroups) killGroup(group);
});

export async function runTool(options: RunOptions): Promise<RunResult> {
  const { sysroot, path, args, input, signal } = options;
  const command = [path, ...args].join(' ');
  if (signal?.aborted === true) return { ...NOTHING_RUN, command, aborted: true };
  const subprocess = execa(resolve(sysroot, path), [...args], {
    cwd: '/',
    env: ENVIRONMENT,
    extendEnv: false,
    detached: true,
    cleanup: false,
    reject: false,
    encoding: 'buffer',
    stripFinalNewline: false,
    maxBuffer: options.outputBytesMax ?? OUTPUT_BYTES_MAX_DEFAULT,
    ...(input === undefined ? { stdin: 'ignore' } : { input }),
  });
  const stop = watch(subprocess.pid, path, options.timeoutMs ?? TIMEOUT_MS_DEFAULT, signal);
  const result = await subprocess;
  const cause = stop();
  const code = 'code' in result ? String(result.code ?? '') : '';
  const started = subprocess.pid !== undefined;
  return {
    command,
    exitCode: result.exitCode ?? null,
    stdout: decode(result.stdout),
    stderr: decode(result.stderr),
    signal: result.signal ?? null,
    missing: !started && (code === 'ENOENT' || code === 'ENOTDIR'),
    timedOut: cause === 'timeout',
    aborted: cause === 'abort',
    outputCut: result.isMaxBuffer,
    startError: started ? null : code || 'unknown',
  };
}

/** Runs a tool and throws a CommandError unless it exits 0. For tools whose exit status can be believed. */
export async function runToolOrThrow(options: RunOptions): Promise<RunResult> {
  const result = await runTool(options);
  const error = commandError(result);
  if (error !== null) throw error;
  return result;
}

/** The error that a result stands for; null when the tool exited 0. */
export function commandError(result: RunResult): CommandError | null {
  const found = failureOf(result);
  if (found === null) return null;
  const [failure, reason] = found;
  return new CommandError({
    command: result.command,
    failure,
    reason,
    exitCode: result.exitCode,
    firstLine: firstLine(`${result.stderr}\n${result.stdout}`),
  });
}

/** First line that is not blank, at most 300 characters. */
export function firstLine(text: string): string {
  const line = text.split(/[\r\n]+/).find((candidate) => candidate.trim() !== '');
  return line === undefined ? '' : line.trim().slice(0, 300);
}

function failureOf(result: RunResult): readonly [CommandFailure, string] | null {
  if (result.missing) return ['missing', 'the tool is not on this Mac'];
  if (result.aborted) return ['aborted', 'stopped by the agent'];
  if (result.startError !== null) return ['not_started', `could not be started (${result.startError})`];
  if (result.timedOut) return ['timed_out', 'went over its time limit and was killed'];
  if (result.outputCut) return ['output_limit', 'printed more than the limit and was killed'];
  if (result.signal !== null) return ['signal', `was killed by ${result.signal}`];
  if (result.exitCode !== 0) return ['exit_code', `exit status ${result.exitCode}`];
  return null;
}

/** Kills the group at the time limit or on abort. The function given back ends the watch and says which of them it was. */
function watch(pid: number | undefined, path: string, timeoutMs: number, signal: AbortSignal | undefined) {
  if (pid === undefined) return () => null;
  let cause: 'timeout' | 'abort' | null = null;
  const kill = (why: 'timeout' | 'abort') => {
    cause ??= why;
    killGroup(pid);
  };
  const onAbort = () => kill('abort');
  const timer = setTimeout(() => kill('timeout'), timeoutMs);
  signal?.addEventListener('abort', onAbort, { once: true });
  liveGroups.add(pid);
  const watcher = toolWatch;
  watcher?.started(pid, path);
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    liveGroups.delete(pid);
    killGroup(pid);
    watcher?.ended(pid);
    return cause;
  };
}

/** SIGKILL to the tool and its children; a group that is gone is no error. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing left of the group.
  }
}

function decode(bytes: unknown): string {
  return bytes instanceof Uint8Array ? new TextDecoder().decode(bytes) : '';
}

const NOTHING_RUN: RunResult = {
  command: '',
  exitCode: null,
  stdout: '',
  stderr: '',
  signal: null,
  missing: false,
  timedOut: false,
  aborted: false,
  outputCut: false,
  startError: null,
};
