/** What went wrong with one run of a macOS tool, in a form that a caller can show as it is. */
export type CommandFailure =
  | 'missing'
  | 'not_started'
  | 'timed_out'
  | 'aborted'
  | 'output_limit'
  | 'signal'
  | 'exit_code'
  | 'refused';

export interface CommandErrorFields {
  /** Path and arguments as run. */
  readonly command: string;
  readonly failure: CommandFailure;
  readonly reason: string;
  readonly exitCode: number | null;
  /** First line that the tool printed that is not blank; "" when it printed nothing. */
  readonly firstLine: string;
}

export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly command: string;
  readonly failure: CommandFailure;
  readonly reason: string;
  readonly exitCode: number | null;
  readonly firstLine: string;

  constructor(fields: CommandErrorFields) {
    super(`${fields.command}: ${fields.reason}${fields.firstLine === '' ? '' : `: ${fields.firstLine}`}`);
    this.command = fields.command;
    this.failure = fields.failure;
    this.reason = fields.reason;
    this.exitCode = fields.exitCode;
    this.firstLine = fields.firstLine;
  }
}
