/**
 * One person at one interactive shell on a real pseudo-terminal. Ends when recoveryOS is told to restart or shut down, when
 * the power fails, when the shell ends, when the person has nothing more to type at the prompt, or when time is up.
 */
import { spawn } from '@lydell/node-pty';
import { type Ending, readEnding } from './ending-file.ts';
import type { Person, PersonRule } from './person.ts';
import { killTree } from './process-tree.ts';
import { PROMPT, type RecoveryShell } from './shell.ts';

export type SessionEnd = Ending | 'exit' | 'stuck' | 'timeout';

export interface TerminalSessionOptions {
  readonly shell: RecoveryShell;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly person: Person;
  /** Typed at the first prompt of the Terminal. */
  readonly line: string;
  /** File in which a tool leaves word that the session ends. */
  readonly endingFile: string;
  /** What a person types, as the shell of this machine has to get it. */
  readonly translate: (typed: string) => string;
  readonly onOutput: (text: string) => void;
}

/** The screen is still: nothing was shown for so long. */
const STILL_MS = 50;
const POLL_MS = 25;
const OUTPUT_CHARS_MAX = 4 * 1024 * 1024;
/** busybox asks its terminal this before it reads a line, and waits for the answer. */
const WHERE_IS_THE_CURSOR = '\x1b[6n';
const CURSOR_AT_START = '\x1b[1;1R';

export function terminalSession(options: TerminalSessionOptions): Promise<SessionEnd> {
  const { shell, env, cwd, person, line, endingFile, translate, onOutput } = options;
  const terminal = spawn(shell.program, [...shell.args], { name: 'dumb', cols: 500, rows: 50, cwd, env: { ...env } });
  const left = new Map<PersonRule, number>(person.rules.map((rule) => [rule, rule.times]));
  let shown = '';
  let total = 0;
  let lineTyped = false;
  let ended: SessionEnd | null = null;

  return new Promise((resolve) => {
    let still: NodeJS.Timeout | undefined;
    const timeout = setTimeout(() => end('timeout'), person.timeoutMs);
    const poll = setInterval(() => {
      const ending = readEnding(endingFile);
      if (ending !== null) end(ending);
    }, POLL_MS);

    function end(how: SessionEnd): void {
      if (ended !== null) return;
      ended = how;
      killTree(terminal.pid);
    }

    function type(text: string): void {
      shown = '';
      terminal.write(`${text}\r`);
    }

    function look(): void {
      if (ended !== null) return;
      const atPrompt = shown.endsWith(PROMPT);
      if (atPrompt && !lineTyped) {
        lineTyped = true;
        type(translate(line));
        return;
      }
      const rule = person.rules.find((each) => (left.get(each) ?? 0) > 0 && each.when.test(shown));
      if (rule === undefined) {
        if (atPrompt) end('stuck');
        return;
      }
      left.set(rule, (left.get(rule) ?? 0) - 1);
      if (rule.powerCut) end('power-cut');
      else setTimeout(() => type(rule.secret ? rule.type : translate(rule.type)), rule.afterMs);
    }

    terminal.onData((data) => {
      if (ended !== null) return;
      if (data.includes(WHERE_IS_THE_CURSOR)) terminal.write(CURSOR_AT_START);
      const text = data.replaceAll(WHERE_IS_THE_CURSOR, '').replaceAll('\r\n', '\n');
      if (text === '') return;
      total += text.length;
      if (total > OUTPUT_CHARS_MAX) return end('timeout');
      shown += text;
      onOutput(text);
      clearTimeout(still);
      still = setTimeout(look, STILL_MS);
    });
    terminal.onExit(() => {
      clearTimeout(still);
      clearTimeout(timeout);
      clearInterval(poll);
      resolve(ended ?? 'exit');
    });
  });
}
