/** How a tool is read: run it, then hand what it printed to a parser. A run that gave no usable text becomes a reason. */
import { type Reading, unknown } from './reading.ts';
import { commandError, runTool } from './runner.ts';

export interface ToolContext {
  readonly sysroot: string;
  readonly signal?: AbortSignal;
}

/** What a parser gets. The exit status alone proves nothing: several tools exit 0 on refusal. */
export interface Output {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ToolCall {
  readonly path: string;
  readonly args: readonly string[];
  readonly timeoutMs?: number;
}

export async function readTool<T>(
  context: ToolContext,
  call: ToolCall,
  parse: (output: Output) => Reading<T>,
): Promise<Reading<T>> {
  const result = await runTool({ ...context, ...call });
  const error = commandError(result);
  if (error?.failure === 'missing') return unknown(`${call.path} is not on this Mac`);
  if (error?.failure === 'timed_out') return { ...unknown(`${call.path} ${error.reason}`), timedOut: true };
  if (error !== null && error.failure !== 'exit_code') return unknown(`${call.path} ${error.reason}`);
  return parse(result);
}
