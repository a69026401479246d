/** Facts with the number of this boot. Only a command that holds the lock may count a new boot; others look it up. */
import type { Facts } from '@headroom/core';
import { collectFacts } from './facts/index.ts';
import type { Mac } from './mac.ts';
import { noteBoot, readBootState } from './state/boot-state.ts';

export function readFactsCounting(mac: Mac): Promise<Facts> {
  return collectFacts({ sysroot: mac.sysroot, ordinal: async (session) => (await noteBoot(mac, session)).bootOrdinal });
}

export function readFactsLooking(mac: Mac): Promise<Facts> {
  return collectFacts({
    sysroot: mac.sysroot,
    ordinal: async (session) => {
      const state = await readBootState(mac);
      return state.bootSessionId === session ? state.bootOrdinal : state.bootOrdinal + 1;
    },
  });
}
