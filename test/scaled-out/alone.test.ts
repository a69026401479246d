/** One controller without Redis: a second one is refused with the reason, and the queue's schema may vanish at any time. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../apps/controller/src/db/postgres/embedded.ts';
import { ControllerProcess } from '../support/controller-process.ts';
import { applyQuota, provideKdk, readyFor } from '../support/fleet-of-agents.ts';
import { query } from '../support/query.ts';
import { SyntheticAgent } from '../support/synthetic-agent.ts';
import { waitFor, waitForValue } from '../support/wait-for.ts';
import { urlOf } from './database-url.ts';

const AGENTS = 6;
const SLOW_MS = 60_000;
const TEST_MS = 180_000;

describe('a controller alone', { timeout: TEST_MS }, () => {
  let folder: string;
  let postgres: EmbeddedPostgres;
  let controller: ControllerProcess;
  const agents: SyntheticAgent[] = [];
  const sql = <Row extends object>(text: string) => query<Row>(postgres.address, text);
  const optionsFor = (name: string) => ({
    stateDir: join(folder, name),
    args: ['--sweep-ms', '1000'],
    env: { DATABASE_URL: urlOf(postgres.address) },
  });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hr-alone-'));
    postgres = new EmbeddedPostgres(folder);
    await postgres.start();
    controller = await ControllerProcess.start(optionsFor('one'));
  }, TEST_MS);
  afterAll(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await controller?.stop();
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('refuses a second one on its state folder, and one on its database', async () => {
    const [folderTaken, databaseTaken] = await Promise.all([
      ControllerProcess.refused(optionsFor('one')),
      ControllerProcess.refused(optionsFor('two')),
    ]);
    expect([folderTaken.code, folderTaken.stderr]).toEqual([
      1,
      expect.stringMatching(/One controller owns a state folder/),
    ]);
    expect([databaseTaken.code, databaseTaken.stderr]).toEqual([1, expect.stringMatching(/one only.*REDIS_URL/)]);
  });

  it('needs DATABASE_URL beside REDIS_URL', async () => {
    const env = { REDIS_URL: 'redis://127.0.0.1:1' };
    const { code, stderr } = await ControllerProcess.refused({ stateDir: join(folder, 'three'), env });
    expect([code, stderr]).toEqual([2, expect.stringMatching(/Set DATABASE_URL too/)]);
  });

  it('loses nothing when the schema of its queue is dropped in the middle, and makes it anew', async () => {
    const token = await controller.enrolToken(AGENTS, ['lab']);
    const enrolled = Array.from({ length: AGENTS }, () => SyntheticAgent.enrol(controller.urls.enrolUrl, token));
    agents.push(...(await Promise.all(enrolled)));
    for (const agent of agents) agent.start();
    await provideKdk(controller);
    await applyQuota(controller, 'lab', 255);
    // Among those that use it Postgres may choose this statement to end a deadlock.
    await waitFor(() => sql('DROP SCHEMA bullmq CASCADE').then(() => true));
    await waitForValue(() => readyFor(sql, 255), AGENTS, SLOW_MS);
    await waitFor(() => sql("SELECT 1 FROM pg_namespace WHERE nspname = 'bullmq'").then(({ length }) => length));
    expect(agents.flatMap(({ finished }) => finished).filter(({ accepted }) => accepted)).toHaveLength(3 * AGENTS);
    expect(controller.log.split('\n').filter((line) => line.includes('the queue in Postgres is away')).length).toBe(1);
  });
});
