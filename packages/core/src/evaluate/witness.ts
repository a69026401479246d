/**
 * Witness: three or more macOS guests seen alive at once, by somebody who knows their kind. It makes a raise that every piece of
 * evidence shows *witnessed*. Guarantee: it counts for the boot it was made in, and only while the host is raised; processes counted
 * by `ps` never count, as they may be Linux guests.
 */
import type { EvaluateInput, HostState, WitnessReport } from '../evaluate-types.ts';
import { sameText } from '../evidence.ts';

/** One more than every Mac allows by itself. */
export const WITNESS_GUESTS_MIN = 3;

export function readWitness({ facts, record }: EvaluateInput, state: HostState): WitnessReport | null {
  if (state !== 'raised' || facts === null) return null;
  const { sessionId } = facts.boot;
  if (sessionId === null) return null;
  const { witness = null } = facts.guests;
  const told = witness === null ? null : { ...witness, bootSessionId: sessionId, by: 'agent' };
  const counted = [record.witness ?? null, told].filter(
    (one) => one !== null && sameText(one.bootSessionId, sessionId) && one.macosGuests >= WITNESS_GUESTS_MIN,
  );
  return counted.reduce((most, one) => ((one?.macosGuests ?? 0) > (most?.macosGuests ?? 0) ? one : most), null);
}
