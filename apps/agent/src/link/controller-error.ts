/** What a failed call to the controller means: its catalogue code, where it sent one, and whether trying again can help. */
import { status } from '@grpc/grpc-js';
import { type ErrorCode, isErrorCode } from '@headroom/core';

export class ControllerError extends Error {
  override readonly name = 'ControllerError';
  /** null when the controller was not reached, or said nothing we know. */
  readonly code: ErrorCode | null;
  readonly grpcStatus: number;

  constructor(code: ErrorCode | null, grpcStatus: number, detail: string) {
    super(detail);
    this.code = code;
    this.grpcStatus = grpcStatus;
  }

  get isFenced(): boolean {
    return this.code === 'SESSION_FENCED';
  }
}

/** Codes travel in the metadata entry `headroom-code`, or as the first word of the details. */
export function controllerError(method: string, error: unknown): ControllerError {
  if (error instanceof ControllerError) return error;
  if (!isServiceError(error)) return new ControllerError(null, status.UNKNOWN, `${method}: ${String(error)}`);
  const sent = error.metadata?.get('headroom-code')[0]?.toString() ?? '';
  const first = /^[A-Z][A-Z0-9_]+/.exec(error.details)?.[0] ?? '';
  const code = [sent, first].find(isErrorCode) ?? null;
  // What grpc-js says of a lapsed deadline is about its own insides.
  const said = error.code === status.DEADLINE_EXCEEDED ? 'the controller did not answer in time' : error.details;
  return new ControllerError(code, error.code, `${method}: ${said}`);
}

interface ServiceErrorLike extends Error {
  readonly code: number;
  readonly details: string;
  readonly metadata?: { get(key: string): readonly (string | Buffer)[] };
}

function isServiceError(error: unknown): error is ServiceErrorLike {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;
}
