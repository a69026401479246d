/** Who may change the boot policy: owners of the volume that are in the list recoveryOS keeps in Preboot. */
import type { Account, SimState } from '../state.ts';

export type Authentication = 'ok' | 'unknown-user' | 'wrong-password';

export const AP_BOOT_MODE = `BYErrorDomain Code=401 "Failed to create local policy"
  com.apple.bootpolicy Code=11 "AP boot mode (11)"`;

export function recoveryUsers(state: SimState): readonly Account[] {
  return state.accounts.filter(({ volumeOwner, admin }) => volumeOwner && admin);
}

export function authenticate(state: SimState, name: string, password: string): Authentication {
  const account = recoveryUsers(state).find((user) => user.name === name);
  if (account === undefined) return 'unknown-user';
  return account.password === password ? 'ok' : 'wrong-password';
}
