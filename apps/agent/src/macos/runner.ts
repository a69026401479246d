/**
 * The one place where the agent starts a macOS tool.
 * Guarantee: no shell, absolute path under the sysroot, cleared environment with a fixed locale, no stdin unless given,
 * time and output limited, no child left (child.ts). `runTool` never throws for what the tool does: it says what happened.
 */
import { runChild } from './child.ts';
import { CommandError, type CommandFailure } from './command-error.ts';
import { resolve } from './sysroot.ts';

export { CommandError, type CommandFailure } from './command-error.ts';

const TIMEOUT_MS_DEFAULT = 30_000;
const OUTPUT_BYTES_MAX_DEFAULT = 4 * 1024 * 1024;

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

export async function runTool(options: RunOptions): Promise<RunResult> {
  const { sysroot, path, args, input, signal } = options;
  const command = [path, ...args].join(' ');
  if (signal?.aborted === true) return { ...NOTHING_RUN, command, aborted: true };
  const watcher = toolWatch;
  const end = await runChild({
    file: resolve(sysroot, path),
    args,
    env: ENVIRONMENT,
    input,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS_DEFAULT,
    outputBytesMax: options.outputBytesMax ?? OUTPUT_BYTES_MAX_DEFAULT,
    signal,
    watcher: watcher && { started: (group) => watcher.started(group, path), ended: (group) => watcher.ended(group) },
  });
  if ('startError' in end) {
    const missing = end.startError === 'ENOENT' || end.startError === 'ENOTDIR';
    return { ...NOTHING_RUN, command, missing, startError: end.startError };
  }
  const { cause, ...result } = end;
  const causes = { timedOut: cause === 'timeout', aborted: cause === 'abort', outputCut: cause === 'output' };
  return { command, ...result, ...causes, missing: false, startError: null };
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
