/**
 * One process of a macOS tool, in a group of its own, with limits.
 * Guarantee: at a limit, an abort or the agent's own exit the whole group is killed; one that cannot be killed, or left a child outside
 * the group that holds its streams, keeps nobody waiting; what it printed beyond the limit is never held in memory.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

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
export interface ChildWatch {
  started(group: number): void;
  ended(group: number): void;
}

export type KillCause = 'timeout' | 'abort' | 'output';

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
  const child = start(input);
  if (typeof child === 'string') return { startError: child };
  if (child.pid === undefined)
    return { startError: await new Promise((done) => child.once('error', (e) => done(codeOf(e)))) };
  return watch(child, child.pid, input);
}

type Child = ChildProcessByStdio<Writable | null, Readable, Readable>;

function start({ file, args, env, input }: ChildInput): Child | string {
  try {
    const stdin = input === undefined ? 'ignore' : 'pipe';
    const child = spawn(file, [...args], { cwd: '/', env, detached: true, stdio: [stdin, 'pipe', 'pipe'] }) as Child;
    // A tool that ends without reading its input is no error.
    child.stdin?.on('error', () => {}).end(input);
    return child;
  } catch (error) {
    return codeOf(error);
  }
}

function watch(child: Child, group: number, input: ChildInput): Promise<ChildEnd> {
  const { watcher, signal } = input;
  return new Promise((resolve) => {
    let cause: KillCause | null = null;
    let lastCall: NodeJS.Timeout | undefined;
    const kill = (why: KillCause) => {
      cause ??= why;
      killGroup(group);
      lastCall ??= setTimeout(end, AFTER_KILL_MS);
    };
    const onAbort = () => kill('abort');
    const timer = setTimeout(() => kill('timeout'), input.timeoutMs);
    const stdout = collect(child.stdout, input.outputBytesMax, () => kill('output'));
    const stderr = collect(child.stderr, input.outputBytesMax, () => kill('output'));
    signal?.addEventListener('abort', onAbort, { once: true });
    liveGroups.add(group);
    watcher?.started(group);
    function end(): void {
      for (const one of [timer, lastCall]) clearTimeout(one);
      signal?.removeEventListener('abort', onAbort);
      child.stdout.destroy();
      child.stderr.destroy();
      liveGroups.delete(group);
      killGroup(group);
      watcher?.ended(group);
      const { exitCode, signalCode } = child;
      resolve({ exitCode, signal: signalCode, stdout: stdout(), stderr: stderr(), cause });
    }
    child.once('close', end);
  });
}

/** Keeps the first bytes of a stream; the function given back makes text of them. */
function collect(stream: Readable, bytesMax: number, onTooMuch: () => void): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    const room = bytesMax - bytes;
    if (room > 0) chunks.push(chunk.subarray(0, room));
    bytes += chunk.length;
    if (bytes > bytesMax) onTooMuch();
  });
  stream.on('error', () => {});
  return () => new TextDecoder().decode(Buffer.concat(chunks));
}

/** SIGKILL to the tool and its children; a group that is gone is no error. */
function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // Nothing left of the group.
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}
