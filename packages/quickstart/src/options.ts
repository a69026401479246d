/** Command line of `npm start`. */

export interface QuickstartOptions {
  readonly macs: number;
  readonly fresh: boolean;
  readonly exitWhenRaised: boolean;
  /** With exitWhenRaised: give up after this long. */
  readonly timeoutMs: number;
  readonly quota: number;
  /** Null = `.headroom` in the project's folder. */
  readonly stateDir: string | null;
  readonly help: boolean;
}

const MACS_MAX = 50;

export const USAGE = `npm start -- [options]
  --macs N             how many simulated Macs (default 3, at most ${MACS_MAX})
  --fresh              forget everything from earlier starts (.headroom/)
  --exit-when-raised   exit 0 once every Mac is raised; exit 1 with each Mac's reason when that cannot be
  --timeout SECONDS    with --exit-when-raised: how long to try (default 150)
  --quota N            macOS guests wanted on each Mac (default 255)
  --state-dir DIR      where everything is kept (default .headroom)`;

export type ParsedOptions =
  | { readonly ok: true; readonly options: QuickstartOptions }
  | { readonly ok: false; readonly problem: string };

const DEFAULTS: QuickstartOptions = {
  macs: 3,
  fresh: false,
  exitWhenRaised: false,
  timeoutMs: 150_000,
  quota: 255,
  stateDir: null,
  help: false,
};

export function parseOptions(args: readonly string[]): ParsedOptions {
  let options = DEFAULTS;
  for (let at = 0; at < args.length; at += 1) {
    const [name = '', inline] = (args[at] ?? '').split('=', 2);
    const text = (): string => inline ?? args[++at] ?? '';
    const next = (): number => Number(text());
    if (name === '--fresh') options = { ...options, fresh: true };
    else if (name === '--exit-when-raised') options = { ...options, exitWhenRaised: true };
    else if (name === '--help' || name === '-h') options = { ...options, help: true };
    else if (name === '--macs') options = { ...options, macs: next() };
    else if (name === '--timeout') options = { ...options, timeoutMs: next() * 1000 };
    else if (name === '--quota') options = { ...options, quota: next() };
    else if (name === '--state-dir') options = { ...options, stateDir: text() };
    else return { ok: false, problem: `unknown option ${JSON.stringify(name)}` };
  }
  return check(options);
}

function check(options: QuickstartOptions): ParsedOptions {
  const { macs, timeoutMs, quota, stateDir } = options;
  if (!Number.isInteger(macs) || macs < 1 || macs > MACS_MAX)
    return { ok: false, problem: `--macs takes a whole number from 1 to ${MACS_MAX}` };
  if (!(timeoutMs >= 1000)) return { ok: false, problem: '--timeout takes a number of seconds, at least 1' };
  if (!Number.isInteger(quota) || quota < 3 || quota > 0x7fffffff)
    return { ok: false, problem: '--quota takes a whole number from 3 to 2147483647' };
  if (stateDir === '') return { ok: false, problem: '--state-dir takes a folder' };
  return { ok: true, options };
}
