/** A first start that is cut while Postgres's folder is being made: nothing of it runs on or stays, and the next start is none the wiser. */
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../apps/controller/src/db/postgres/embedded.ts';
import { ControllerProcess, type Ended } from '../support/controller-process.ts';
import { query } from '../support/query.ts';
import { waitFor } from '../support/wait-for.ts';

let folder: string;
let stateDir: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hr-cut-'));
  stateDir = join(folder, 'state');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const ofPostgres = () =>
  existsSync(stateDir) ? readdirSync(stateDir).filter((name) => name.startsWith('postgres')) : [];
/** initdb is amid its work: its folder has some of what it will have, and not all. */
const isMaking = () => ofPostgres().some((name) => existsSync(join(stateDir, name, 'global')));

/** A controller that loads its modules hears a signal late, and initdb may be done by then: then once more, from nothing. */
async function cut(signal: NodeJS.Signals, tries = 15): Promise<Ended> {
  const controller = ControllerProcess.launched({ stateDir });
  await waitFor(isMaking);
  controller.signal(signal);
  const ended = await controller.end;
  if (!existsSync(join(stateDir, 'postgres'))) return ended;
  expect(tries, 'initdb is cut before the folder is whole').toBeGreaterThan(1);
  await rm(stateDir, { recursive: true });
  return cut(signal, tries - 1);
}

describe('a first start that is cut amid initdb', { timeout: 90_000 }, () => {
  it('ends in order on SIGTERM, and leaves nothing half-made', async () => {
    const { code, stderr } = await cut('SIGTERM');
    expect(stderr).toContain('stopping before it was ready: SIGTERM');
    expect([code, ofPostgres()]).toEqual([0, []]);
  });

  it('ends its initdb when it is killed, and starts anew beside what that has not cleared yet', async () => {
    await cut('SIGKILL');
    const postgres = new EmbeddedPostgres(stateDir);
    try {
      await postgres.start();
      expect(await query(postgres.address, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    } finally {
      await postgres.stop();
    }
    await waitFor(() => ofPostgres().join() === 'postgres');
  });
});
