/** Reads the command line; every option is known, or the command is refused with what is wrong. */
import { parseArgs } from 'node:util';
import { UsageError } from './usage.ts';

const COMMANDS = ['run', 'facts', 'enroll', 'status', 'doctor', 'apply-plan', 'prepare', 'witness'] as const;
export type Command = (typeof COMMANDS)[number];

const OPTIONS = {
  sysroot: { type: 'string', default: '/' },
  json: { type: 'boolean', default: false },
  url: { type: 'string' },
  token: { type: 'string' },
  'token-file': { type: 'string' },
  'check-in-ms': { type: 'string' },
  'exit-with-parent': { type: 'boolean', default: false },
  'log-file': { type: 'string' },
  guests: { type: 'string' },
  source: { type: 'string' },
  local: { type: 'boolean', default: false },
  sha256: { type: 'string' },
  quota: { type: 'string' },
  plan: { type: 'string' },
  kdk: { type: 'string' },
  'grant-key': { type: 'string' },
  version: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/** Options beyond --sysroot that each command takes. */
const TAKES: Readonly<Record<Command, readonly string[]>> = {
  run: ['check-in-ms', 'exit-with-parent', 'log-file'],
  facts: ['json'],
  enroll: ['url', 'token', 'token-file'],
  status: ['json'],
  doctor: ['json'],
  'apply-plan': ['plan', 'kdk', 'grant-key'],
  prepare: ['local', 'kdk', 'sha256', 'quota', 'json'],
  witness: ['guests', 'source'],
};

export type Options = ReturnType<typeof parse>['values'];

export interface CommandLine {
  /** null with --version or --help. */
  readonly command: Command | null;
  readonly options: Options;
}

export function readCommandLine(args: readonly string[]): CommandLine {
  const { values, positionals, given } = parse(args);
  if (values.version || values.help) return { command: null, options: values };
  const [name, ...rest] = positionals;
  const command = COMMANDS.find((known) => known === name);
  if (command === undefined) throw new UsageError(name === undefined ? 'Which command?' : `Unknown command: ${name}`);
  if (rest.length > 0) throw new UsageError(`${command} takes no ${JSON.stringify(rest[0])}`);
  const foreign = given.find((option) => option !== 'sysroot' && !TAKES[command].includes(option));
  if (foreign !== undefined) throw new UsageError(`${command} does not take --${foreign}`);
  return { command, options: values };
}

function parse(args: readonly string[]) {
  try {
    const { values, positionals, tokens } = parseArgs({
      args: [...args],
      options: OPTIONS,
      allowPositionals: true,
      tokens: true,
    });
    const given = tokens.flatMap((token) => (token.kind === 'option' ? [token.name] : []));
    return { values, positionals, given };
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** A number of milliseconds; null when the option was not given. */
export function milliseconds(name: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && value >= MS_MIN && value <= MS_MAX) return value;
  throw new UsageError(`--${name}: expected milliseconds from ${MS_MIN} to ${MS_MAX}, seen ${JSON.stringify(text)}`);
}

const MS_MIN = 50;
const MS_MAX = 24 * 60 * 60_000;
