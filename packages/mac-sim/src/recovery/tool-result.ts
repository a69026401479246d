/** What a tool of recoveryOS is given and gives back. */

interface ToolCall {
  /** Directory of the simulated Mac. */
  readonly dir: string;
  readonly args: readonly string[];
}

export interface ToolResult {
  readonly status: number;
  readonly stdout?: string;
  readonly stderr?: string;
}

export type Tool = (call: ToolCall) => ToolResult;

export function failed(stderr: string, status = 1): ToolResult {
  return { status, stderr: `${stderr}\n` };
}

/** The simulator does less than the real tool; it says so instead of pretending. */
export function notSimulated(tool: string, args: readonly string[]): ToolResult {
  return failed(`${tool}: not simulated: ${[tool, ...args].join(' ')}`, 64);
}
