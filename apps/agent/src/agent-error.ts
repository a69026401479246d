/**
 * Errors that leave the agent: a code of the catalogue and a detail that says what failed, expected and seen. The code brings
 * the next step. `refused` = the agent declined to do it at all; nothing was changed.
 */
import { describeError, type ErrorCode } from '@headroom/core';

export class AgentError extends Error {
  override readonly name: string = 'AgentError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, detail: string) {
    super(detail);
    this.code = code;
  }
}

export class Refusal extends AgentError {
  override readonly name = 'Refusal';
}

/** Expected and seen in one form everywhere. */
export function differs(what: string, expected: string, seen: string): string {
  return `${what}: expected ${expected}, seen ${seen}.`;
}

/** Code, detail and next step as lines for a person. */
export function explain(error: unknown): string {
  if (!(error instanceof AgentError)) return error instanceof Error ? error.message : String(error);
  const { title, remedy } = describeError(error.code);
  return `${error.code}: ${title}.\n  ${error.message}\n  Next: ${remedy}`;
}
