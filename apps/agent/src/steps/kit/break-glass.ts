/** The break-glass page as it lies beside the kit: nothing on it changes by itself, so that it can be compared. */
import { breakGlass, type Facts, sheetText } from '@headroom/core';
import { AGENT_VERSION } from '../../version.ts';

export function breakGlassText(facts: Facts): string {
  const source = `Laid on this Mac by the Headroom agent ${AGENT_VERSION} before anything was changed; print it.`;
  return sheetText(breakGlass({ name: null, facts, source }));
}
