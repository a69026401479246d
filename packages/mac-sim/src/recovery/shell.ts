/** The shell that stands for recoveryOS's bash 3.2, which is not to be had elsewhere. */
import { accessSync, constants } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';

/** As the shell of recoveryOS prompts. */
export const PROMPT = '-bash-3.2# ';

export interface RecoveryShell {
  /** Absolute path; also what `sh` is inside recoveryOS. */
  readonly program: string;
  readonly args: readonly string[];
  /** Builtins of recoveryOS's bash that this shell lacks; it gets them as tools. */
  readonly lacks: readonly string[];
}

/** Without job control (+m) and line editing, a program reads what was typed exactly as a person typed it. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  dash: ['-i', '+m'],
  bash: ['--norc', '--noprofile', '--noediting', '--posix', '-i', '+m'],
  'busybox ash': ['ash', '-i', '+m'],
  mksh: ['-i', '+m', '+o', 'emacs', '+o', 'vi'],
};
const HOST_FOLDERS = ['/usr/bin', '/bin', '/usr/local/bin', '/opt/homebrew/bin'];

/** Reads `--shell`: dash, `bash --posix`, `busybox ash` or mksh, each with or without its path. */
export function parseShell(text: string): RecoveryShell {
  const [program = '', ...rest] = text.trim().split(/\s+/);
  const name = basename(program);
  const kind = [name, ...rest].join(' ').replace(/^bash( --posix)?$/, 'bash');
  const args = ARGUMENTS[kind];
  if (args === undefined)
    throw new Error(`shell ${JSON.stringify(text)}: expected dash, "bash --posix", "busybox ash" or mksh`);
  const path = isAbsolute(program) ? program : findOnHost(name);
  if (path === null || !isExecutable(path)) throw new Error(`shell ${program}: not on this machine`);
  return { program: path, args, lacks: kind === 'mksh' ? ['printf'] : [] };
}

export function findOnHost(name: string): string | null {
  return HOST_FOLDERS.map((folder) => join(folder, name)).find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
