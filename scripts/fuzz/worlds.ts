/** Worlds for the facts as a whole: many calls at once give something else, or end in another way, and so do files. */
import fc from 'fast-check';
import type { Capture } from '../../test/captures/capture.ts';
import { mutations } from '../../test/captures/mutations.ts';
import { type Ending, ESSENTIAL_CALLS, LACKING, type PlayedMac, type World } from './played-mac.ts';
import { type Random, randomFrom } from './random.ts';

export const WORLDS_PER_BATCH = 50;
const KINDS_OF_LACK = Object.keys(LACKING);
const MUTATIONS = 64;
const LONG_CHARS = 40_000;

export interface Spoilt {
  /** Which piece the Mac lacks in truth; its calls are mutated like all others. */
  readonly lacks: string;
  readonly world: World;
}

/** Ways to end that give no text to be believed; what was printed before counts for nothing. */
const CUT: readonly ((stdout: string) => Ending)[] = [
  (stdout) => ({ exitCode: null, signal: 'SIGKILL', stdout, stderr: '', cause: 'timeout' }),
  (stdout) => ({ exitCode: null, signal: 'SIGKILL', stdout, stderr: '', cause: 'output' }),
  (stdout) => ({ exitCode: null, signal: 'SIGKILL', stdout, stderr: '', cause: 'abort' }),
  (stdout) => ({ exitCode: null, signal: 'SIGSEGV', stdout, stderr: '', cause: null }),
  () => ({ startError: 'ENOENT' }),
  () => ({ startError: 'EACCES' }),
];

export function worldsOf(mac: PlayedMac, captures: readonly Capture[], seed: number, batch: number): readonly Spoilt[] {
  const mutators = fc.sample(mutations, { seed: seed + batch, numRuns: MUTATIONS });
  return Array.from({ length: WORLDS_PER_BATCH }, (_, index) => {
    const random = randomFrom(seed, batch * WORLDS_PER_BATCH + index);
    return spoiltWorld({ mac, captures, random, mutators });
  });
}

interface Source {
  readonly mac: PlayedMac;
  readonly captures: readonly Capture[];
  readonly random: Random;
  readonly mutators: readonly ((text: string) => string)[];
}

function spoiltWorld(source: Source): Spoilt {
  const { mac, random } = source;
  const lacks = random.pick(KINDS_OF_LACK);
  const base = LACKING[lacks]?.((call) => mac.text(call)) ?? {};
  const names = random.below(2) === 0 ? [random.pick(ESSENTIAL_CALLS)] : someOf(random, [...mac.calls.keys()]);
  const calls = names.map((name) => [name, spoiltCall(source, name, base[name] ?? mac.calls.get(name))] as const);
  const paths = [...mac.files.keys()].filter(() => random.below(6) === 0);
  const files = paths.map((path) => [path, spoiltFile(source, path)] as const);
  return { lacks, world: { calls: { ...base, ...Object.fromEntries(calls) }, files: Object.fromEntries(files) } };
}

/** One call in eight, in three, or all of them. */
function someOf(random: Random, names: readonly string[]): readonly string[] {
  const oneIn = random.pick([8, 3, 1]);
  return names.filter(() => random.below(oneIn) === 0);
}

function spoiltCall({ captures, random, mutators }: Source, name: string, ending: Ending | undefined): Ending {
  const { stdout, stderr } = ending === undefined || 'startError' in ending ? { stdout: '', stderr: '' } : ending;
  const way = random.below(10);
  if (way === 0) return random.pick(CUT)(stdout);
  const exitCode = random.pick([0, 0, 0, 1, 64, 255]);
  const ended = (out: string, err: string): Ending => ({
    exitCode,
    signal: null,
    stdout: out,
    stderr: err,
    cause: null,
  });
  if (way === 1) return ended(stderr, stdout);
  if (way === 2) return ended(random.pick(['', '\n', 'error\n', '\0']), random.pick(['', 'Operation not permitted\n']));
  if (way <= 4) return ended(lines(random, stdout), stderr);
  if (way === 6) return ended(withLongWord(random, stdout), stderr);
  const sameTool = captures.filter(({ file }) => name.includes(`/${file.split('/')[0]}`));
  if (way === 5 && sameTool.length > 0) {
    const { output } = random.pick(sameTool);
    return { exitCode: output.exitCode, signal: null, stdout: output.stdout, stderr: output.stderr, cause: null };
  }
  return ended(random.pick(mutators)(stdout), random.pick(mutators)(stderr));
}

/** One word of it is far longer than any that a Mac has. */
function withLongWord(random: Random, text: string): string {
  const words = [...text.matchAll(/[A-Za-z0-9.-]+/g)];
  const word = words[random.below(words.length)];
  if (word === undefined) return text;
  const long = word[0].repeat(Math.ceil(LONG_CHARS / word[0].length));
  return text.slice(0, word.index) + long + text.slice(word.index + word[0].length);
}

/** Lines that are lost, doubled, or in another order. */
function lines(random: Random, text: string): string {
  const all = text.split('\n');
  const way = random.below(3);
  if (way === 0) return all.filter(() => random.below(4) > 0).join('\n');
  if (way === 1) return all.flatMap((line) => (random.below(4) === 0 ? [line, line] : [line])).join('\n');
  for (let at = all.length - 1; at > 0; at -= 1) {
    const other = random.below(at + 1);
    [all[at], all[other]] = [all[other] ?? '', all[at] ?? ''];
  }
  return all.join('\n');
}

/** Text that stands for bytes, one for each. A collection is long, and what is read of it lies at its start. */
function spoiltFile({ mac, random, mutators }: Source, path: string): string {
  const text = mac.files.get(path)?.toString('latin1') ?? '';
  const spoil = random.below(8) === 0 ? (start: string) => withLongWord(random, start) : random.pick(mutators);
  const broken = spoil(text.slice(0, 20_000)) + text.slice(20_000);
  return broken.replace(/[\u0100-\uffff]/g, (char) => String.fromCharCode(char.charCodeAt(0) & 0xff));
}
