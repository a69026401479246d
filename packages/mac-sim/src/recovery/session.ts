/**
 * A visit to recoveryOS: the Mac is taken there, a person types a line and answers, and the Mac goes where the person sent
 * it. What the tools did stays in the state of the Mac; the recovery root is gone afterwards.
 */
import { resolve } from 'node:path';
import { simPaths } from '../paths.ts';
import type { SimState } from '../state.ts';
import { endingFile } from './ending-file.ts';
import { type PersonInput, personFor } from './person.ts';
import { enterRecovery, leaveRecovery } from './power.ts';
import { makeRecoveryRoot, quoted, recoveryPath, removeRecoveryRoot, sessionShell } from './root.ts';
import { PROMPT, parseShell } from './shell.ts';
import { type SessionEnd, terminalSession } from './terminal-session.ts';

export interface RecoverySessionOptions {
  readonly dir: string;
  /** dash, `bash --posix`, `busybox ash` or mksh, with or without its path. */
  readonly shell: string;
  /** Default: an owner who says yes to everything. */
  readonly person?: PersonInput;
  /** What the person types first, as on a Mac: `sh /Volumes/*\/Library/Headroom/raise CODE`. */
  readonly line: string;
  /** false = double-pressed into the fallback recovery, which is not paired. Default true. */
  readonly paired?: boolean;
  /** Tools that this release of recoveryOS lacks. */
  readonly lacking?: readonly string[];
  readonly onOutput?: (text: string) => void;
}

export interface RecoverySessionResult {
  readonly ended: SessionEnd;
  /** What the person saw, without secrets, paths as on a Mac. */
  readonly transcript: string;
  /** 0 when the session ended by restart or shutdown. */
  readonly exitCode: 0 | 1;
  /** Why it ended otherwise; null when exitCode is 0. */
  readonly reason: string | null;
}

const REASONS: Readonly<Record<Exclude<SessionEnd, 'reboot' | 'shutdown'>, string>> = {
  'power-cut': 'the power failed',
  exit: 'the shell ended and left a dead window; the Mac is still in recoveryOS',
  stuck: 'the person had nothing more to type; the Mac is still in recoveryOS',
  timeout: 'no end came in time; the Mac is still in recoveryOS',
};

export async function recoverySession(options: RecoverySessionOptions): Promise<RecoverySessionResult> {
  const dir = resolve(options.dir);
  const shell = parseShell(options.shell);
  const state = enterRecovery(dir, options.paired ?? true);
  const person = personFor(state, options.person);
  const { recovery } = simPaths(dir);
  makeRecoveryRoot(dir, state, shell, options.lacking);
  const screen = new Screen(cleaner(state, person.rules, recovery), options.onOutput);
  try {
    const ended = await terminalSession({
      shell: sessionShell(dir, state, shell),
      env: { PATH: recoveryPath(dir), HOME: '/var/root', TERM: 'dumb', PS1: PROMPT, USER: 'root' },
      cwd: recovery,
      person,
      line: options.line,
      endingFile: endingFile(dir),
      translate: (typed) => typed.replaceAll(/(?<![^\s'"=<>(;|&])\/Volumes\//g, `${quoted(recovery)}/Volumes/`),
      onOutput: (text) => screen.add(text),
    });
    leaveRecovery(dir, ended);
    const transcript = screen.finish();
    if (ended === 'reboot' || ended === 'shutdown') return { ended, transcript, exitCode: 0, reason: null };
    return { ended, transcript, exitCode: 1, reason: REASONS[ended] };
  } finally {
    removeRecoveryRoot(dir);
  }
}

/** Takes secrets out and shows paths as on a Mac. */
function cleaner(
  state: SimState,
  rules: readonly { readonly secret: boolean; readonly type: string }[],
  recovery: string,
): (text: string) => string {
  const typed = rules.filter(({ secret }) => secret).map(({ type }) => type);
  const known = [...state.accounts.map(({ password }) => password), state.recoveryLock ?? ''];
  const secrets = [...typed, ...known].filter((secret) => secret !== '');
  const asOnMac = (text: string): string => text.replaceAll(quoted(recovery), '').replaceAll(recovery, '');
  return (text) => secrets.reduce((clean, secret) => clean.replaceAll(secret, '********'), asOnMac(text));
}

/** Collects what is shown and hands on whole lines, so that nothing to be hidden is cut in two. */
class Screen {
  private text = '';
  private line = '';
  private readonly clean: (text: string) => string;
  private readonly onOutput: (text: string) => void;

  constructor(clean: (text: string) => string, onOutput: (text: string) => void = () => {}) {
    this.clean = clean;
    this.onOutput = onOutput;
  }

  add(text: string): void {
    const end = (this.line + text).lastIndexOf('\n') + 1;
    const all = this.line + text;
    this.line = all.slice(end);
    this.emit(all.slice(0, end));
  }

  finish(): string {
    this.emit(this.line);
    return this.text;
  }

  private emit(text: string): void {
    if (text === '') return;
    const clean = this.clean(text);
    this.text += clean;
    this.onOutput(clean);
  }
}
