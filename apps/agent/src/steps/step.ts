/**
 * A step in three parts. `check` answers with the result when the Mac is already as wanted, else null. `act` may be cut
 * anywhere and run again from its start: it first clears what a cut run left. `verify` reads back and never changes anything.
 */
import type { Facts, GrantPayload } from '@headroom/core';
import type { Mac } from '../mac.ts';

/** Bytes of a KDK image from an offset on. */
interface ImageChunk {
  readonly offset: number;
  readonly totalBytes: number;
  readonly data: Uint8Array;
}
export type OpenKdkImage = (sha256: string, offset: number, signal: AbortSignal) => AsyncIterable<ImageChunk>;

export interface StepContext {
  readonly mac: Mac;
  /** The grant that covers a lowering step, checked; null for others. */
  readonly grant: GrantPayload | null;
  /** Reads the facts now. */
  readonly facts: () => Promise<Facts>;
  readonly openKdkImage: OpenKdkImage;
  /** Folder of this program that holds the constant scripts of the visit kit. */
  readonly kitSource: string;
  readonly now: () => Date;
  /** One line for people; shown with the lease and on the command line. */
  readonly progress: (line: string) => void;
  /** Aborted when the agent stops or the job is no longer its own. */
  readonly signal: AbortSignal;
}

export interface StepHandler<Step, Result> {
  check(step: Step, context: StepContext): Promise<Result | null>;
  act(step: Step, context: StepContext): Promise<void>;
  verify(step: Step, context: StepContext): Promise<Result>;
}
