/**
 * What steps said that they made, read before anything rests on it: a result that cannot be read is none, so that its step is planned
 * anew, and the log says on which Mac and why.
 */
import { type KcResult, kcResultProblem, kitResultProblem } from '@headroom/core';
import { logger } from '../common/log.ts';
import { type PlacedKit, readPlan } from './host-input.ts';

const log = logger('evaluator');

export interface BuiltJob {
  readonly hostId: string;
  readonly result: unknown;
}

export interface KitJob extends BuiltJob {
  readonly stepIndex: number;
  readonly bytes: Uint8Array;
}

export function kcOfJob({ hostId, result }: BuiltJob): readonly KcResult[] {
  return isReadable(hostId, 'build_kc', kcResultProblem(result)) ? [result as KcResult] : [];
}

/**
 * Quota and arguments come from the plan that we wrote; the sums of the files from the Mac that placed them, and which needed arguments
 * its kit knows: an agent that says nothing of them placed one that knows none.
 */
export function kitOfJob({ hostId, bytes, stepIndex, result }: KitJob): PlacedKit | null {
  const step = readPlan(bytes).steps[stepIndex];
  if (step?.kind !== 'place_kit' || result === null) return null;
  if (!isReadable(hostId, 'place_kit', kitResultProblem(result))) return null;
  const { visitId, quota, bootArgs, provenObject } = step;
  type Said = Pick<PlacedKit, 'neededArgs' | 'kcMd5' | 'kcSha256' | 'expiresAt'>;
  const { kcMd5, kcSha256, expiresAt, neededArgs = [] } = result as Said;
  const sparesObject = provenObject !== undefined;
  return { visitId, quota, bootArgs, neededArgs, sparesObject, kcMd5, kcSha256, expiresAt };
}

function isReadable(hostId: string, kind: string, problem: string | null): boolean {
  if (problem !== null) log(`host ${hostId}: the result of ${kind} counts as none: ${problem}`);
  return problem === null;
}
