/**
 * What the agent remembers between starts: how many boots it has seen, and the highest plan generation it has followed.
 * Neither ever goes back; a damaged file stops the agent, because starting at 0 again would accept old plans.
 */
import { readJsonObject, writeJsonAtomic } from '../files.ts';
import type { Mac } from '../mac.ts';
import { STATE_FILE } from '../paths.ts';
import { openHome } from './identity.ts';

export interface BootState {
  /** Boot session seen last; "" before the first. */
  readonly bootSessionId: string;
  /** Distinct boot sessions seen, from 1. */
  readonly bootOrdinal: number;
  readonly highestGeneration: number;
}

const FIRST: BootState = { bootSessionId: '', bootOrdinal: 0, highestGeneration: 0 };

export async function readBootState(mac: Mac): Promise<BootState> {
  const value = await readJsonObject(mac.path(STATE_FILE));
  if (value === null) return FIRST;
  const { bootSessionId, bootOrdinal, highestGeneration } = value;
  if (typeof bootSessionId !== 'string' || !isCount(bootOrdinal) || !isCount(highestGeneration))
    throw new Error(`${STATE_FILE} is damaged: enrol this Mac again, so that its plans start anew`);
  return { bootSessionId, bootOrdinal, highestGeneration };
}

/** Counts this boot session if it is a new one. */
export async function noteBoot(mac: Mac, bootSessionId: string): Promise<BootState> {
  const state = await readBootState(mac);
  if (state.bootSessionId === bootSessionId) return state;
  return save(mac, { ...state, bootSessionId, bootOrdinal: state.bootOrdinal + 1 });
}

export async function noteGeneration(mac: Mac, generation: number): Promise<void> {
  const state = await readBootState(mac);
  if (generation > state.highestGeneration) await save(mac, { ...state, highestGeneration: generation });
}

async function save(mac: Mac, state: BootState): Promise<BootState> {
  await openHome(mac);
  await writeJsonAtomic(mac.path(STATE_FILE), state);
  return state;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
