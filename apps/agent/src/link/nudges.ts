/** Listens to nudges as long as a session lives. They only shorten a wait, so their failure is never more than a log line. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log.ts';
import { backoff } from './backoff.ts';
import type { Controller } from './client.ts';

const FIRST_MS = 1000;
const LONGEST_MS = 60_000;

export async function listenToNudges(
  controller: Controller,
  sessionNumber: bigint,
  onNudge: (kind: string) => void,
  signal: AbortSignal,
  log: Log,
): Promise<void> {
  const pause = backoff(FIRST_MS, LONGEST_MS);
  while (!signal.aborted) {
    try {
      for await (const { kind } of controller.nudges(sessionNumber, signal)) {
        pause.reset();
        onNudge(kind);
      }
    } catch (error) {
      if (!signal.aborted) log(`nudges: ${error instanceof Error ? error.message : String(error)}`);
    }
    await sleep(pause.next(), undefined, { signal }).catch(() => {});
  }
}
