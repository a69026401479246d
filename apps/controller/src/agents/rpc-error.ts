/** A Problem as gRPC says it: the catalogue's status, and its code in the metadata `headroom-code`. */
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { describeError } from '@headroom/core';
import { Problem } from '../common/problem.ts';
import { problemOf } from '../db/problem-of.ts';

const CODE_KEY = 'headroom-code';

/** An error that is neither a Problem nor will pass is ours; the caller learns no more than that. */
export function toServiceError(error: unknown): ServiceError {
  const problem = problemOf(error) ?? new Problem('INTERNAL', 'see the log of the controller');
  const metadata = new Metadata();
  metadata.set(CODE_KEY, problem.code);
  const code = status[describeError(problem.code).grpcStatus];
  const details = `${problem.code}: ${problem.detail}`;
  return Object.assign(new Error(details), { code, details, metadata });
}
