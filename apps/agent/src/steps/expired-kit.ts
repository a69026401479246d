/**
 * The end of a consent, by this Mac's own clock: `raise` and its kernel collection go although no controller says so.
 * Guarantee: what leads back stays (disarm-kit.ts); an end that cannot be read takes nothing away.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseKeyValues } from '../facts/key-values.ts';
import { readTextFile } from '../files.ts';
import type { Log } from '../log.ts';
import type { Mac } from '../mac.ts';
import { KIT_FOLDER } from '../paths.ts';
import { isArmed, takeArms } from './disarm-kit.ts';
import { KIT_MANIFEST } from './kit/manifest.ts';

const LOOK_EVERY_MS = 60_000;

/** Names of what was taken away; none when the consent holds or nothing is left to take. */
export async function disarmExpiredKit(mac: Mac, now: Date): Promise<readonly string[]> {
  const manifest = await readTextFile(mac.path(`${KIT_FOLDER}/${KIT_MANIFEST}`));
  const end = Date.parse(parseKeyValues(manifest ?? '').get('expires') ?? '');
  if (!(now.getTime() >= end) || !(await isArmed(mac))) return [];
  return takeArms(mac);
}

export interface ExpiryWatch {
  readonly mac: Mac;
  readonly now: () => Date;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly everyMs?: number;
}

/** Looks as long as the agent lives, heard by a controller or not. */
export async function watchExpiry({ mac, now, log, signal, everyMs = LOOK_EVERY_MS }: ExpiryWatch): Promise<void> {
  let trouble = '';
  while (!signal.aborted) {
    try {
      const taken = await disarmExpiredKit(mac, now());
      if (taken.length > 0) log(`the consent of the visit kit has ended: removed ${taken.join(' ')}`);
      trouble = '';
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (text !== trouble) log(`expired visit kit: ${text}`);
      trouble = text;
    }
    await sleep(everyMs, undefined, { signal, ref: false }).catch(() => {});
  }
}
