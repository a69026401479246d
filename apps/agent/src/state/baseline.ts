/**
 * Baseline: how this Mac stood before it was raised, for the way back. Kept as long as nothing is lowered, so the last look before
 * the first lowering stays.
 * Guarantee: a lowered or unknown state never overwrites it; once the Mac is proven stock again, the old one is gone.
 */
import { type Facts, quotaInBootArgs } from '@headroom/core';
import { isObject, readJsonObject, writeJsonAtomic } from '../files.ts';
import type { Mac } from '../mac.ts';
import { BASELINE_FILE } from '../paths.ts';
import { openHome } from './identity.ts';

export interface Baseline {
  readonly securityMode: string;
  readonly sip: string;
  /** Hash of a custom kernel, or "absent". */
  readonly customKernel: string;
  /** null = none stored. */
  readonly bootArgs: string | null;
}

/** null = this Mac was lowered already when the agent came to it, or nothing has been read yet. */
export async function readBaseline(mac: Mac): Promise<Baseline | null> {
  const value = await readJsonObject(mac.path(BASELINE_FILE)).catch(() => null);
  return isBaseline(value) ? value : null;
}

/** Notes these facts if they show a Mac on which nothing is lowered. Writes only what changed. */
export async function noteBaseline(mac: Mac, facts: Facts): Promise<void> {
  const now = baselineOf(facts);
  if (now === null) return;
  const kept = await readBaseline(mac);
  if (kept !== null && JSON.stringify(kept) === JSON.stringify(now)) return;
  await openHome(mac);
  await writeJsonAtomic(mac.path(BASELINE_FILE), now);
}

/** Every sign has to be read and has to be stock; one that is unknown is no proof. */
function baselineOf({ kernel, bootPolicy, sip, bootArgs }: Facts): Baseline | null {
  const { securityMode, customKernel, bootArgsFiltering } = bootPolicy;
  if (kernel.config !== 'release' || bootArgsFiltering !== true || customKernel !== 'absent') return null;
  if ((securityMode !== 'full' && securityMode !== 'reduced') || sip.status !== 'enabled') return null;
  if (bootArgs.storedPresent === null || quotaInBootArgs(bootArgs.stored ?? '') !== null) return null;
  return { securityMode, sip: sip.status, customKernel, bootArgs: bootArgs.storedPresent ? bootArgs.stored : null };
}

function isBaseline(value: unknown): value is Baseline {
  return (
    isObject(value) &&
    ['securityMode', 'sip', 'customKernel'].every((key) => typeof value[key] === 'string') &&
    (value['bootArgs'] === null || typeof value['bootArgs'] === 'string')
  );
}
