/** What every procedure has in common: the caller is admitted first, then the request is looked at; an error becomes a status that agents understand. */
import type { handleServerStreamingCall, handleUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { logger } from '../common/log.ts';
import { problemOf } from '../db/problem-of.ts';
import { weightOf } from './call-limit.ts';
import { Admission, type AnyCall, type Caller } from './caller.ts';
import { toServiceError } from './rpc-error.ts';
import { checkTexts } from './rpc-input.ts';
import { RPC_PERMISSIONS } from './rpc-permissions.ts';

const log = logger('agents');

type Rpc = keyof typeof RPC_PERMISSIONS;
export type UnaryHandler<Request, Reply> = (caller: Caller, request: Request) => Promise<Reply>;
/** Resolves when the stream has been sent whole; the wrapper ends it. */
export type StreamHandler<Request, Reply> = (
  caller: Caller,
  call: ServerWritableStream<Request, Reply>,
) => Promise<void>;

export class RpcWrap {
  constructor(private readonly admission: Admission) {}

  unary<Request, Reply>(rpc: Rpc, handler: UnaryHandler<Request, Reply>): handleUnaryCall<Request, Reply> {
    return (call, callback) => {
      this.begin(rpc, call)
        .then((caller) => handler(caller, call.request))
        .then(
          (reply) => callback(null, reply),
          (error: unknown) => callback(failure(rpc, error)),
        );
    };
  }

  stream<Request, Reply>(rpc: Rpc, handler: StreamHandler<Request, Reply>): handleServerStreamingCall<Request, Reply> {
    return (call) => {
      this.begin(rpc, call)
        .then((caller) => handler(caller, call))
        .then(
          () => call.end(),
          (error: unknown) => call.emit('error', failure(rpc, error)),
        );
    };
  }

  private async begin(rpc: Rpc, call: AnyCall & { readonly request: unknown }): Promise<Caller> {
    const caller = await this.permit(rpc, () => this.admission.admit(call, weightOf(call.request as object)));
    checkTexts(call.request as object);
    return caller;
  }

  /** `agent` is the one permission so far; another one in the table must be decided here before it compiles. */
  private permit(rpc: Rpc, admit: () => Promise<Caller>): Promise<Caller> {
    const permission = RPC_PERMISSIONS[rpc];
    switch (permission) {
      case 'agent':
        return admit();
      default:
        return permission satisfies never;
    }
  }
}

function failure(rpc: Rpc, error: unknown): ReturnType<typeof toServiceError> {
  if (problemOf(error) === null)
    log(`${rpc}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return toServiceError(error);
}
