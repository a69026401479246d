/** The run sheet that the controller prints for a raise of this Mac, from what the Mac says of itself and admins of its place. */
import { sheetText } from '@headroom/core';
import { collectFacts } from '../../../apps/agent/dist/facts/index.js';
import { type PlaceFields, UNKNOWN_PLACE } from '../../../apps/controller/dist/hosts/place.js';
import { plain } from '../../../apps/controller/dist/visits/run-sheet/example.js';
import { runSheet } from '../../../apps/controller/dist/visits/run-sheet/run-sheet.js';
import type { VisitMac } from '../visit-mac.ts';

/** As one line of words: where lines end is another test's concern. */
export async function sheetWords({ dir }: VisitMac, place: Partial<PlaceFields> = {}): Promise<string> {
  const facts = await collectFacts({ sysroot: dir });
  return sheetText(runSheet({ ...plain, facts, place: { ...UNKNOWN_PLACE, ...place } })).replace(/\s+/g, ' ');
}
