/**
 * One process of a macOS tool, in a group of its own, with limits.
 * Guarantee: at a limit, an abort or the agent's own exit the whole group is killed; one that cannot be killed, or left a child outside
 * the group that holds its streams, keeps nobody waiting; what it printed beyond the limit is never held in memory.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { execa, type Options } from 'execa';

export interface ChildInput {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Text for stdin; without it stdin is /dev/null. */
  readonly input: string | undefined;
  readonly timeoutMs: number;
  /** Limit of stdout and of stderr, each. */
  readonly outputBytesMax: number;
  readonly signal: AbortSignal | undefined;
  readonly watcher: ChildWatch | null;
}

/** Hears of each process group; a tool outlives an agent that is killed, and the next one has to know of it. */
interface ChildWatch {
  started(group: number): void;
  ended(group: number): void;
}

type KillCause = 'timeout' | 'abort' | 'output';

export interface ChildEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Why we killed it; null when it ended by itself. */
  readonly cause: KillCause | null;
}

/** Between the kill and the end of its streams. */
const AFTER_KILL_MS = 2000;

/** Groups that run now, so that the agent's exit leaves none behind. */
const liveGroups = new Set<number>();
process.on('exit', () => {
  for (const group of liveGroups) killGroup(group);
});

/** How it ended, or the code of the error for which it could not be started. */
export async function runChild(input: ChildInput): Promise<ChildEnd | { readonly startError: string }> {
  const child = execa(input.file, [...input.args], optionsOf(input));
  const { pid } = child;
  if (pid === undefined) return { startError: codeOf(await child) };
  const watch = watchGroup(pid, input);
  const result = await Promise.race([child, watch.held]);
  const cause = watch.end();
  if (result === null) {
    child.stdout?.destroy();
    child.stderr?.destroy();
    const { exitCode, signalCode } = child;
    return { exitCode, signal: signalCode, stdout: '', stderr: '', cause };
  }
  return {
    exitCode: result.exitCode ?? null,
    signal: result.signal ?? null,
    stdout: decode(result.stdout),
    stderr: decode(result.stderr),
    cause: result.isMaxBuffer ? 'output' : cause,
  };
}

/** execa sees to the process and what it prints; time and the end are ours, as they are the whole group's. */
function optionsOf({ env, input, outputBytesMax }: ChildInput) {
  return {
    cwd: '/',
    env,
    extendEnv: false,
    detached: true,
    cleanup: false,
    reject: false,
    encoding: 'buffer',
    stripFinalNewline: false,
    maxBuffer: outputBytesMax,
    ...(input === undefined ? { stdin: 'ignore' } : { input }),
  } as const satisfies Options;
}

/** Kills the group at the time limit or on abort. `held` gives null when its streams are still open a while after that. */
function watchGroup(group: number, { timeoutMs, signal, watcher }: ChildInput) {
  let cause: KillCause | null = null;
  const over = new AbortController();
  const held = new Promise<null>((resolve) => {
    const kill = (why: KillCause) => {
      cause ??= why;
      killGroup(group);
      wait(AFTER_KILL_MS, () => resolve(null));
    };
    const wait = (ms: number, then: () => void) => {
      sleep(ms, undefined, { signal: over.signal }).then(then, () => {});
    };
    wait(timeoutMs, () => kill('timeout'));
    signal?.addEventListener('abort', () => kill('abort'), { once: true, signal: over.signal });
  });
  liveGroups.add(group);
  watcher?.started(group);
  const end = (): KillCause | null => {
    over.abort();
    liveGroups.delete(group);
    killGroup(group);
    watcher?.ended(group);
    return cause;
  };
  return { held, end };
}

/** SIGKILL to the tool and its children; a group that is gone is no error. */
function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // Nothing left of the group.
  }
}

function decode(bytes: unknown): string {
  return bytes instanceof Uint8Array ? new TextDecoder().decode(bytes) : '';
}

function codeOf(result: object): string {
  return 'code' in result && typeof result.code === 'string' ? result.code : 'unknown';
}
