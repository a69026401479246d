/**
 * When facts are read. One reading starts some twenty tools of macOS, so an agent that only says "still here" shows the last one:
 * nothing that a proof rests on changes without a boot (a new session), and each job brings facts of its own.
 */
import type { Facts } from '@headroom/core';

export interface FactsReader {
  /** Reads now. */
  read(): Promise<Facts>;
  /** The last reading if it is younger than this, else a new one. */
  recent(ageMs: number): Promise<Facts>;
  /** The last reading counts no more. */
  expire(): void;
}

export function newFactsReader(readNow: () => Promise<Facts>, clock = () => performance.now()): FactsReader {
  let last: { readonly facts: Facts; readonly at: number } | null = null;
  let expiries = 0;
  const read = async (): Promise<Facts> => {
    const [at, before] = [clock(), expiries];
    const facts = await readNow();
    if (expiries === before) last = { facts, at };
    return facts;
  };
  return {
    read,
    recent: async (ageMs) => (last !== null && clock() - last.at < ageMs ? last.facts : read()),
    expire() {
      last = null;
      expiries += 1;
    },
  };
}
