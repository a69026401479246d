import type { ErrorCode } from '@headroom/core';

/** A refusal with a catalogue code; the edges (REST, gRPC) turn it into their own form. */
export class Problem extends Error {
  constructor(
    readonly code: ErrorCode,
    readonly detail: string,
    readonly extra: Readonly<Record<string, unknown>> = {},
  ) {
    super(`${code}: ${detail}`);
    this.name = 'Problem';
  }
}
