/** The Mac that the agent works on: `/`, or a simulated one below a sysroot. Bundles the checked sysroot with the tool runner. */
import type { ErrorCode } from '@headroom/core';
import { AgentError } from './agent-error.ts';
import type { CommandFailure } from './macos/command-error.ts';
import type { Unknown } from './macos/reading.ts';
import { commandError, type RunOptions, type RunResult, runTool } from './macos/runner.ts';
import { checkSysroot, isSimulated, resolve } from './macos/sysroot.ts';

type ToolOptions = Pick<RunOptions, 'timeoutMs' | 'outputBytesMax' | 'signal'>;

export interface Mac {
  readonly sysroot: string;
  readonly simulated: boolean;
  /** Where a path of the Mac lies on this machine. */
  path(macPath: string): string;
  /** Starts a tool; never throws for what the tool does. Paths in `args` are paths of the Mac. */
  run(tool: string, args: readonly string[], options?: ToolOptions): Promise<RunResult>;
}

export function openMac(dir: string): Mac {
  const sysroot = checkSysroot(dir);
  return {
    sysroot,
    simulated: isSimulated(sysroot),
    path: (macPath) => resolve(sysroot, macPath),
    run: (tool, args, options) => runTool({ sysroot, path: tool, args, ...options }),
  };
}

/**
 * Throws unless the tool ran to its end: what it printed before a limit or a kill says nothing about what was asked. Its exit status is
 * for the caller to judge.
 */
export function ranToItsEnd(result: RunResult): RunResult {
  const failure = commandError(result)?.failure;
  if (failure === undefined || failure === 'exit_code') return result;
  throw new AgentError(CODE_OF[failure] ?? 'COMMAND_FAILED', toolText(result));
}

/** Time cures these: the same call may run to its end a minute later. */
const CODE_OF: Partial<Record<CommandFailure, ErrorCode>> = {
  timed_out: 'COMMAND_TIMED_OUT',
  signal: 'COMMAND_KILLED',
};

/** A step needs to know it, and it could not be read. */
export function unreadable({ reason, timedOut }: Unknown): AgentError {
  return new AgentError(timedOut === true ? 'COMMAND_TIMED_OUT' : 'COMMAND_FAILED', `${reason}.`);
}

/** What a failed tool said: the command, why, and both streams, cut to a readable length. */
export function toolText(result: RunResult): string {
  const reason = commandError(result)?.message ?? `${result.command}: exit status 0`;
  const said = [result.stderr, result.stdout].map((text) => text.trim()).filter((text) => text !== '');
  return [reason, ...said].join('\n').slice(0, 4000);
}
