/** `mac-sim`: makes simulated Macs, gives them power, breaks them, shows them. Exit status: 0 done, 1 refused, 2 wrong command. */
import { parseArgs } from 'node:util';
import { BREAKS, breakMac } from './breaks.ts';
import { createMac } from './create.ts';
import { KDK_USAGE, kdkCommand } from './doing/cli.ts';
import { startGuests, stopGuests } from './guests.ts';
import { guestQuota } from './kernel-args.ts';
import { offerUpdate } from './offer.ts';
import { bootMac, cutPower, restartMac, shutDownMac } from './power.ts';
import { countProvenance, provenanceRows } from './provenance.ts';
import { recoveryCommand } from './recovery/index.ts';
import { loadState, type SimState } from './state.ts';
import { updateMac } from './update.ts';

const USAGE = `mac-sim COMMAND ...

  create DIR --variant T6020 --os 14.5 --build 23F79 [--id ID] [--model Mac14,9] [--name "Macintosh HD"] [--filevault]
  boot DIR | restart DIR | shutdown DIR | power-cut DIR
  offer DIR --os 14.6.1 --build 23G93 [--prepared] [--enforced-at 2026-12-01T03:00:00] | offer DIR --none
  update DIR --os 14.6.1 --build 23G93 [--keeps-custom-kernel]
  break DIR NAME | break --list
  guests DIR --start N [--linux] | --stop N [--leak]
  state DIR [--json]
  provenance [DIR] [--json]
  recovery DIR [--shell SHELL] [--person FILE] -- LINE
  ${KDK_USAGE.replace(/^mac-sim /, '')}
`;

class UsageError extends Error {}

type Command = (args: readonly string[]) => number | Promise<number>;

const COMMANDS: Readonly<Record<string, Command>> = {
  create,
  boot: power(bootMac),
  restart: power(restartMac),
  shutdown: power(shutDownMac),
  'power-cut': power(cutPower),
  offer,
  update,
  break: breakCommand,
  guests,
  state: stateCommand,
  provenance,
  recovery: recoveryCommand,
  kdk: (args) => kdkCommand(args),
};

export async function main(args: readonly string[]): Promise<number> {
  const [name = '', ...rest] = args;
  if (name === '--help' || name === '-h') {
    process.stdout.write(USAGE);
    return 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  try {
    if (command === undefined) throw new UsageError(name === '' ? 'a command is needed' : `${name}: no such command`);
    return await command(rest);
  } catch (error) {
    const isUsage = error instanceof UsageError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
    process.stderr.write(`mac-sim: ${(error as Error).message}\n${isUsage === true ? `\n${USAGE}` : ''}`);
    return isUsage === true ? 2 : 1;
  }
}

function create(args: readonly string[]): number {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      variant: { type: 'string' },
      os: { type: 'string' },
      build: { type: 'string' },
      id: { type: 'string' },
      model: { type: 'string' },
      name: { type: 'string' },
      filevault: { type: 'boolean' },
    },
  });
  const { id, model, name: systemName, filevault: fileVault } = values;
  const state = createMac(oneDir(positionals), {
    variant: required(values.variant, '--variant'),
    version: required(values.os, '--os'),
    build: required(values.build, '--build'),
    ...(id === undefined ? {} : { id }),
    ...(model === undefined ? {} : { model }),
    ...(systemName === undefined ? {} : { systemName }),
    ...(fileVault === undefined ? {} : { fileVault }),
  });
  return say(summary(state));
}

function power(action: (dir: string) => SimState): Command {
  return (args) => {
    const state = action(oneDir(parseArgs({ args: [...args], allowPositionals: true }).positionals));
    say(summary(state));
    return state.power === 'failed' ? 1 : 0;
  };
}

function update(args: readonly string[]): number {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { os: { type: 'string' }, build: { type: 'string' }, 'keeps-custom-kernel': { type: 'boolean' } },
  });
  const state = updateMac(oneDir(positionals), {
    version: required(values.os, '--os'),
    build: required(values.build, '--build'),
    keepsCustomKernel: values['keeps-custom-kernel'] === true,
  });
  return say(summary(state));
}

function offer(args: readonly string[]): number {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      os: { type: 'string' },
      build: { type: 'string' },
      prepared: { type: 'boolean' },
      'enforced-at': { type: 'string' },
      none: { type: 'boolean' },
    },
  });
  const dir = oneDir(positionals);
  const { 'enforced-at': enforcedAt, prepared = false, none } = values;
  if (none === true) return say(summary(offerUpdate(dir, null)));
  const version = required(values.os, '--os');
  const build = required(values.build, '--build');
  return say(
    summary(offerUpdate(dir, { version, build, prepared, ...(enforcedAt === undefined ? {} : { enforcedAt }) })),
  );
}

function breakCommand(args: readonly string[]): number {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { list: { type: 'boolean' } },
  });
  if (values.list === true)
    return say(
      Object.entries(BREAKS)
        .map(([name, { what }]) => `${name.padEnd(24)} ${what}`)
        .join('\n'),
    );
  const [dir, name, ...more] = positionals;
  if (dir === undefined || name === undefined || more.length > 0) throw new UsageError('break DIR NAME, or --list');
  return say(summary(breakMac(dir, name)));
}

function guests(args: readonly string[]): number {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      start: { type: 'string' },
      stop: { type: 'string' },
      linux: { type: 'boolean' },
      leak: { type: 'boolean' },
    },
  });
  const dir = oneDir(positionals);
  if ((values.start === undefined) === (values.stop === undefined))
    throw new UsageError('guests: --start N or --stop N');
  if (values.stop !== undefined)
    return say(summary(stopGuests(dir, count(values.stop), values.leak === true ? 'leak' : 'clean')));
  const wanted = count(values.start ?? '');
  const { started, refusal } = startGuests(dir, wanted, values.linux === true ? 'linux' : 'macos');
  say(`${started} of ${wanted} guests started`);
  if (refusal === null) return 0;
  process.stderr.write(`${refusal}\n`);
  return 1;
}

function stateCommand(args: readonly string[]): number {
  const { values, positionals } = parseJson(args);
  const state = loadState(oneDir(positionals));
  return say(values.json === true ? JSON.stringify(state, null, 2) : summary(state));
}

function provenance(args: readonly string[]): number {
  const { values, positionals } = parseJson(args);
  const [dir] = positionals;
  const rows = provenanceRows(dir === undefined ? undefined : loadState(dir));
  const counts = countProvenance(rows);
  if (values.json === true) return say(JSON.stringify({ counts, rows }, null, 2));
  return say(
    [
      ...rows.map((row) => `${row.provenance.padEnd(10)} ${row.tool} ${row.form}  (${row.source})`),
      '',
      `${counts.captured} captured, ${counts.documented} documented, ${counts.invented} invented`,
    ].join('\n'),
  );
}

function parseJson(args: readonly string[]) {
  return parseArgs({ args: [...args], allowPositionals: true, options: { json: { type: 'boolean' } } });
}

/** One line about a Mac. */
function summary(state: SimState): string {
  const { hardware, os, power: now, boot, policy } = state;
  const kernel = boot === null ? '' : `, ${boot.kernel} kernel, ${guestQuota(boot)} macOS guests allowed`;
  const screen = state.screen === null ? '' : `, screen: ${state.screen}`;
  const custom = policy.coih === null ? '' : ', custom kernel installed';
  return `${state.id}: ${hardware.model} ${hardware.variant}, macOS ${os.version} ${os.build}, power ${now}${kernel}${custom}${screen}`;
}

function oneDir(positionals: readonly string[]): string {
  const [dir, ...more] = positionals;
  if (dir === undefined || more.length > 0) throw new UsageError('one DIR is needed');
  return dir;
}

function required(value: string | undefined, option: string): string {
  if (value === undefined) throw new UsageError(`${option} is needed`);
  return value;
}

function count(text: string): number {
  if (!/^[1-9][0-9]{0,3}$/.test(text))
    throw new UsageError(`${JSON.stringify(text)}: expected a number from 1 to 9999`);
  return Number(text);
}

function say(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}
