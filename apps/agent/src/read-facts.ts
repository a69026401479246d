/** Facts with the number of this boot. Only a command that holds the lock may count a new boot and keep the baseline; others look. */
import type { Facts } from '@headroom/core';
import { collectFacts } from './facts/index.ts';
import type { Mac } from './mac.ts';
import { noteBaseline } from './state/baseline.ts';
import { noteBoot, readBootState } from './state/boot-state.ts';

export async function readFactsCounting(mac: Mac): Promise<Facts> {
  const ordinal = async (session: string) => (await noteBoot(mac, session)).bootOrdinal;
  const facts = await collectFacts({ sysroot: mac.sysroot, ordinal });
  // A look that cannot be noted is no reason to know nothing; the next one notes it.
  await noteBaseline(mac, facts).catch(() => {});
  return facts;
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
