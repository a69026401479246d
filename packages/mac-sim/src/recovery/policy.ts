/** A change of the boot policy: new values, signed anew, so both nonce hashes change too. */
import { randomBytes } from 'node:crypto';
import type { BootPolicy, SimState } from '../state.ts';

export function changePolicy(draft: SimState, change: Partial<BootPolicy>): void {
  Object.assign(draft.policy, change, { lpnh: nonceHash(), rpnh: nonceHash() });
}

function nonceHash(): string {
  return randomBytes(48).toString('hex').toUpperCase();
}
