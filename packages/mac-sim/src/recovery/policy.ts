/** Changes of the boot policy: new values, signed anew, so both nonce hashes change too. */
import { randomBytes } from 'node:crypto';
import type { BootPolicy, SimState } from '../state.ts';

/** What going to Full Security leaves: nothing lowered, no custom kernel. */
export const FRESH_POLICY: Partial<BootPolicy> = {
  smb0: false,
  smb1: false,
  smb2: false,
  sip0: null,
  sip1: false,
  sip2: false,
  sip3: false,
  coih: null,
};

/** Full Security is signed by Apple for this Mac, so it needs Internet and a system that Apple still signs. Null = granted. */
export function fullSecurityRefusal({ behaviour: { faults } }: SimState): string | null {
  if (faults?.offlineInRecovery)
    return 'BYErrorDomain Code=102 "Failed to personalize: the Internet connection appears to be offline"';
  if (faults?.systemNotOffered)
    return 'BYErrorDomain Code=401 "This version of macOS is no longer offered for this Mac"';
  return null;
}

export function changePolicy(draft: SimState, change: Partial<BootPolicy>): void {
  Object.assign(draft.policy, change, { lpnh: nonceHash(), rpnh: nonceHash() });
}

function nonceHash(): string {
  return randomBytes(48).toString('hex').toUpperCase();
}
