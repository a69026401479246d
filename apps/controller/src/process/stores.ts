import type { Clock } from '../common/clock.ts';
import { logger } from '../common/log.ts';
import type { ControllerConfig } from '../config/config.ts';
import { HistoryKeeper } from '../data/history.ts';
import type { Database } from '../db/database.ts';
import { openDatabase } from '../db/open.ts';
import type { EmbeddedPostgres } from '../db/postgres/embedded.ts';
import type { KeyStore } from '../keys/key-store.ts';
import { openKeys } from '../keys/open-keys.ts';
import { FleetLock } from './fleet-lock.ts';
import { openWakeUps, type WakeUps } from './wake-ups.ts';

const log = logger('controller');

export type OnStop = (stop: () => Promise<unknown>) => void;

export interface Stores extends WakeUps {
  readonly database: Database;
  readonly keys: KeyStore;
}

/** Takes the lock on a database that others may reach, then opens what everything else works with: database, keys, wake-ups. */
export async function openStores(
  config: ControllerConfig,
  clock: Clock,
  onStop: OnStop,
  onLost: (reason: string) => void,
  postgres: EmbeddedPostgres | null,
): Promise<Stores> {
  const { databaseUrl } = config;
  // An embedded Postgres lies in the state folder, so that folder's lock says it all.
  const fleetLock =
    databaseUrl === null ? null : await FleetLock.take(databaseUrl, config.redisUrl ? 'together' : 'alone', onLost);
  onStop(async () => fleetLock?.release());
  const open = async () => {
    const opened = await openDatabase({ ...config, postgres });
    onStop(opened.stop);
    // Before anybody writes: Postgres refuses a row that is on its way to DEFAULT while its month is made.
    const history = new HistoryKeeper(opened.database, config);
    await history
      .daily(clock.now(), false)
      .catch((error: unknown) => log(`history is left to the timer: ${String(error)}`));
    return opened;
  };
  const { database, connection } = await (fleetLock === null ? open() : fleetLock.exclusively(open));
  const keys = await openKeys(config, clock, database);
  await fleetLock?.agreeOnKeys(keys.caFingerprint, config.keysDir ?? `${config.stateDir}/keys`);
  const { bus, queue } = await openWakeUps(config, database.fleetId, connection);
  onStop(() => bus.close());
  onStop(() => queue.close());
  return { database, keys, bus, queue };
}
