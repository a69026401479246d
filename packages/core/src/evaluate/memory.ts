/** What one evaluation leaves to the next: what was proven, how each piece stood while all held, and what has gone since. */
import type { DriftPiece, HostState, Memory } from '../evaluate-types.ts';
import type { Situation } from './situation.ts';

export const NOTHING_REMEMBERED: Memory = { provenObject: null, policySeen: null, held: null, drift: [] };

export function remember(situation: Situation, state: HostState): Memory {
  const { facts, provenObject, input } = situation;
  const { sessionId } = facts.boot;
  const { customKernel } = facts.bootPolicy;
  const policySeen =
    sessionId === null || customKernel === null
      ? (input.record.memory?.policySeen ?? null)
      : { customKernel, bootSessionId: sessionId };
  return { provenObject, policySeen, held: heldOf(situation, state), drift: driftOf(situation, state) };
}

function heldOf({ input, evidence, wantedQuota }: Situation, state: HostState): Memory['held'] {
  if (wantedQuota === null) return null;
  if (state !== 'raised') return input.record.memory?.held ?? null;
  return Object.fromEntries(evidence.map(({ id, seen }) => [id, seen]));
}

/**
 * Pieces that held while the host was raised and do not any more, with what was seen then and now. A piece that misses because the
 * plan changed, and not the Mac, is none; one that cannot be read now stays what it was. Nothing drifts on the way back.
 */
export function driftOf({ input, evidence, wantedQuota }: Situation, state: HostState): readonly DriftPiece[] {
  const { held = null, drift: before = [] } = input.record.memory ?? {};
  if (held === null || wantedQuota === null || state === 'raised') return [];
  const at = input.now.toISOString();
  return evidence.flatMap(({ id, title, path, holds, seen }) => {
    const known = before.find((piece) => piece.id === id);
    if (holds === null) return known ?? [];
    const was = held[id];
    if (holds || was === undefined || was === seen) return [];
    return known?.seen === seen ? known : { id, title, path, was, seen, at };
  });
}

/** Said with the finding: what was, what is, and when that was first seen. */
export function driftText(drift: readonly DriftPiece[]): string {
  return drift.map(({ title, was, seen, at }) => ` ${title}: it was ${was}; since ${at} it is ${seen}.`).join('');
}

/** What is part of `drift` and was not part of what is remembered: it goes into the timeline once. */
export function newDrift(before: Memory | undefined, { drift }: Memory): readonly DriftPiece[] {
  const known = before?.drift ?? [];
  return drift.filter(({ id, seen }) => !known.some((piece) => piece.id === id && piece.seen === seen));
}
