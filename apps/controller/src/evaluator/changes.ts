/**
 * What an evaluation changed, told in the timeline and in the audit: the state, how far a raise is proven, what drifted, and whether the
 * Mac was lost or is back.
 */
import { degreeOf, newDrift } from '@headroom/core';
import { toJson } from '../audit/json.ts';
import { writeAudits, writeHostEvents } from '../audit/write-many.ts';
import type { Tx } from '../db/database.ts';
import type { Answer } from './answer.ts';

interface Change {
  readonly hostId: string;
  readonly kind: 'state' | 'drift' | 'proof' | 'lost' | 'returned';
  readonly before: object;
  readonly after: object;
}

export async function tellChanges(tx: Tx, answers: readonly Answer[], siteId: string, at: Date): Promise<void> {
  const changes = answers.flatMap((one) => [
    ...stateChange(one),
    ...driftChange(one),
    ...proofChange(one),
    ...lossChange(one),
  ]);
  await writeHostEvents(
    tx,
    changes.map(({ hostId, kind, after }) => ({ siteId, hostId, at, kind, detail: toJson(after) })),
  );
  await writeAudits(
    tx,
    changes.map(({ hostId, kind, before, after }) => ({
      actor: 'system:evaluator',
      action: `host.${kind}`,
      entity: 'host',
      entityId: hostId,
      before: toJson(before),
      after: toJson(after),
      at,
      siteId,
    })),
  );
}

export function changesState({ input, evaluation }: Answer): boolean {
  return input.before.state !== evaluation.state;
}

function stateChange(one: Answer): readonly Change[] {
  if (!changesState(one)) return [];
  const { hostId, before } = one.input;
  const { state: to, waitsFor } = one.evaluation;
  return [{ hostId, kind: 'state', before: { state: before.state }, after: { from: before.state, to, waitsFor } }];
}

/** Each piece once: when it was first seen not to hold any more, what was there before, and what is now. */
function driftChange({ input: { hostId, before }, evaluation: { memory } }: Answer): readonly Change[] {
  const pieces = newDrift(before.remembered.memory, memory);
  if (pieces.length === 0) return [];
  const was = Object.fromEntries(pieces.map((piece) => [piece.id, piece.was]));
  return [{ hostId, kind: 'drift', before: was, after: { pieces } }];
}

/** The degree of a raise while it lasts; becoming raised, or not any more, is told by the state. */
function proofChange({ input: { hostId, before }, evaluation: { state, witness } }: Answer): readonly Change[] {
  const from = degreeOf(before.state, before.remembered.witness ?? null);
  const to = degreeOf(state, witness);
  if (from === to || (witness === null && from !== 'witnessed')) return [];
  return [{ hostId, kind: 'proof', before: { proof: from }, after: { from, to, witness } }];
}

/** Each once: a Mac that was not heard of for a day, and its first word after that. */
function lossChange({ input: { hostId, before }, evaluation: { state }, record }: Answer): readonly Change[] {
  const was = before.remembered.lostSince ?? null;
  const is = record.lostSince;
  if (was === null && is !== null)
    return [{ hostId, kind: 'lost', before: { lastSeenAt: is }, after: { lastSeenAt: is, state } }];
  if (was !== null && is === null)
    return [{ hostId, kind: 'returned', before: { lastSeenAt: was }, after: { silentSince: was, state } }];
  return [];
}
