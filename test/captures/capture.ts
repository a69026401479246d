/** The captured outputs of macOS tools in test/fixtures/macos, with what INDEX.md says of each. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { RunResult } from '../../apps/agent/src/macos/runner.ts';
import type { Output } from '../../apps/agent/src/macos/tool.ts';

export const FIXTURES = new URL('../fixtures/macos/', import.meta.url).pathname;

export type CaptureKind = 'verbatim' | 'assembled' | 'reconstructed' | 'documented format';

export interface Capture {
  readonly file: string;
  readonly kind: CaptureKind;
  readonly text: string;
  /** The text on the stream it was captured from, with the exit status of the index. */
  readonly output: Output;
}

/** What a capture is expected to say: `read` gives what our code makes of it, `says` what it must be. */
export interface Expectation {
  readonly read: (capture: Capture) => unknown;
  readonly says: unknown;
}
export type Expectations = Readonly<Record<string, Expectation>>;

export const KINDS: readonly CaptureKind[] = ['verbatim', 'assembled', 'reconstructed', 'documented format'];

/** All captures, verbatim first. */
export function readCaptures(): readonly Capture[] {
  const index = readIndex();
  const captures = filesBelow(FIXTURES).map((file) => captureOf(file, index));
  return captures.sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || (a.file < b.file ? -1 : 1));
}

export function filesBelow(folder: string): readonly string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((file) => file !== 'INDEX.md')
    .sort();
}

export function readIndex(): ReadonlyMap<string, { readonly kind: string; readonly status: string }> {
  const rows = readFileSync(join(FIXTURES, 'INDEX.md'), 'utf8').split('\n');
  const cells = rows.map((row) => row.split(' | ').map((cell) => cell.replace(/^\|/, '').trim()));
  return new Map(
    cells.flatMap(([file = '', , kind = '', status = '']) => (file.includes('/') ? [[file, { kind, status }]] : [])),
  );
}

/** A run of a tool that gave this output and ended by itself. */
export function runOf({ output }: Capture): RunResult {
  const ended = { signal: null, missing: false, timedOut: false, aborted: false, outputCut: false, startError: null };
  return { command: 'captured', ...output, ...ended };
}

function captureOf(file: string, index: ReturnType<typeof readIndex>): Capture {
  const row = index.get(file);
  if (row === undefined) throw new Error(`${file} is not in INDEX.md`);
  const kind = KINDS.find((candidate) => candidate === row.kind);
  if (kind === undefined) throw new Error(`${file}: unknown kind ${row.kind} in INDEX.md`);
  const text = readFileSync(join(FIXTURES, file), 'utf8');
  const onStderr = file.endsWith('.stderr.txt');
  const exitCode = Number(/^[0-9]+/.exec(row.status)?.[0] ?? 1);
  return { file, kind, text, output: { exitCode, stdout: onStderr ? '' : text, stderr: onStderr ? text : '' } };
}
