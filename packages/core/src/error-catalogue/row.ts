/** Shape of one row of the error catalogue; the rows lie beside this file, by who answers with them. */

/**
 * What helps: `transient` = trying again later does by itself; `needs_admin` = somebody at a desk changes something;
 * `needs_hands` = somebody at the Mac does; `permanent` = the same request can never succeed.
 */
export const RETRY_CLASSES = ['transient', 'needs_admin', 'needs_hands', 'permanent'] as const;
export type RetryClass = (typeof RETRY_CLASSES)[number];

/** gRPC status names that the product answers with. */
export const GRPC_STATUS_NAMES = [
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'UNAUTHENTICATED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'RESOURCE_EXHAUSTED',
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'DATA_LOSS',
  'INTERNAL',
] as const;
export type GrpcStatusName = (typeof GRPC_STATUS_NAMES)[number];

export interface ErrorRow {
  readonly title: string;
  /** What the reader does next; `{name}` is filled from the error's arguments. */
  readonly remedy: string;
  readonly retry: RetryClass;
  readonly http: number;
  readonly grpc: GrpcStatusName;
}
