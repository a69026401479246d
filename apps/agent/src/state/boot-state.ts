/**
 * What the agent remembers between starts: how many boots it has seen, the highest plan generation it has followed and the highest
 * session number it was given. None ever goes back; a damaged file stops the agent, because starting at 0 again would accept old plans: root on this Mac moves it away.
 */
import { rm } from 'node:fs/promises';
import { COUNTER_MAX } from '@headroom/core';
import { differs } from '../agent-error.ts';
import { readKeptJson, writeJsonAtomic } from '../files.ts';
import type { Mac } from '../mac.ts';
import { STATE_FILE } from '../paths.ts';
import { openHome } from './identity.ts';

export interface BootState {
  /** Boot session seen last; "" before the first. */
  readonly bootSessionId: string;
  /** Distinct boot sessions seen, from 1. */
  readonly bootOrdinal: number;
  readonly highestGeneration: number;
  /** 0 also in the file of an agent that did not keep it. */
  readonly highestSession: number;
}

const FIRST: BootState = { bootSessionId: '', bootOrdinal: 0, highestGeneration: 0, highestSession: 0 };

export async function readBootState(mac: Mac): Promise<BootState> {
  const file = {
    name: STATE_FILE,
    next: 'move it away and restart the agent; until its next plan, it would follow an older one',
  };
  const kept = await readKeptJson(mac.path(STATE_FILE), isBootState, file);
  if (kept === null) return FIRST;
  const { bootSessionId, bootOrdinal, highestGeneration, highestSession = 0 } = kept;
  return { bootSessionId, bootOrdinal, highestGeneration, highestSession };
}

/** An older agent kept no session number. */
type Kept = Omit<BootState, 'highestSession'> & { readonly highestSession?: number };

function isBootState(value: Record<string, unknown>): value is Record<string, unknown> & Kept {
  const { bootSessionId, bootOrdinal, highestGeneration, highestSession = 0 } = value;
  return typeof bootSessionId === 'string' && [bootOrdinal, highestGeneration, highestSession].every(isCount);
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

export async function noteSession(mac: Mac, session: bigint): Promise<void> {
  if (session > BigInt(COUNTER_MAX))
    throw new Error(differs('Session number given by the controller', `${COUNTER_MAX} or less`, String(session)));
  const state = await readBootState(mac);
  if (session > BigInt(state.highestSession)) await save(mac, { ...state, highestSession: Number(session) });
}

/** This Mac is enrolled anew: what an earlier controller counted is nothing to it. */
export async function forgetBootState(mac: Mac): Promise<void> {
  await rm(mac.path(STATE_FILE), { force: true });
}

async function save(mac: Mac, state: BootState): Promise<BootState> {
  await openHome(mac);
  await writeJsonAtomic(mac.path(STATE_FILE), state);
  return state;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
