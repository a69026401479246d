/** Facts as an agent sends them: bounded, parsed and validated by the schema's own reader before anything believes them. */
import { createHash } from 'node:crypto';
import { type Facts, factsFromUnknown } from '@headroom/core';
import { isNestedTooDeep, NOT_SO_DEEP } from '../common/nested.ts';
import { Problem } from '../common/problem.ts';

export interface ReceivedFacts {
  readonly facts: Facts;
  /** Lower-case hex of the bytes as sent. */
  readonly sha256: string;
  /** How many they were. */
  readonly bytes: number;
}

/** Throws FACTS_INVALID, or HOST_UUID_DIFFERS when these are another Mac's facts. `bytes` is bounded by the wire's limit. */
export function readFacts(bytes: Uint8Array, hardwareUuid: string): ReceivedFacts {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw factsInvalid('not JSON');
  }
  if (isNestedTooDeep(json)) throw factsInvalid(NOT_SO_DEEP);
  const read = factsFromUnknown(json);
  if (!read.ok) throw factsInvalid(read.problem);
  const { uuid } = read.facts.hardware;
  if (uuid !== null && uuid.toUpperCase() !== hardwareUuid)
    throw new Problem('HOST_UUID_DIFFERS', `facts: expected the Mac ${hardwareUuid}, seen ${uuid}`);
  return { facts: read.facts, sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
}

function factsInvalid(problem: string): Problem {
  return new Problem('FACTS_INVALID', problem, { problem });
}
