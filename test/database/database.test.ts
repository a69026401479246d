/** The database's own promises: it starts from nothing, survives its own death, and ends with whoever started it. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { writeAudit } from '../../apps/controller/src/db/database.ts';
import { openDatabase } from '../../apps/controller/src/db/open.ts';
import { withDatabase } from '../support/postgres.ts';
import { waitFor } from '../support/wait-for.ts';

const AT = new Date('2026-11-23T10:00:00Z');

async function postmasterPid(stateDir: string): Promise<number> {
  return Number((await readFile(join(stateDir, 'postgres/postmaster.pid'), 'utf8')).split('\n')[0]);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('embedded Postgres', () => {
  it('starts from an empty folder, keeps its data over a restart, and leaves nothing running', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'hr-test-'));
    const options = { stateDir, databaseUrl: null, fleetName: 'test' };
    try {
      const first = await openDatabase(options);
      const pid = await postmasterPid(stateDir);
      await first.stop();
      expect(isAlive(pid)).toBe(false);
      const second = await openDatabase(options);
      expect(second.database.fleetId).toBe(first.database.fleetId);
      await second.stop();
    } finally {
      await rm(stateDir, { recursive: true, force: true });
    }
  });

  it('comes back by itself after Postgres was killed', async () => {
    await withDatabase(async ({ database, stateDir }) => {
      const pid = await postmasterPid(stateDir);
      process.kill(pid, 'SIGKILL');
      await waitFor(
        async () =>
          (await database.pool.query('SELECT 1').catch(() => null)) !== null && (await postmasterPid(stateDir)) !== pid,
      );
      expect(await database.prisma.fleet.count()).toBe(1);
    });
  });

  it('ends when the process that started it is killed, even with SIGKILL', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'hr-test-'));
    const script = `
      const { openDatabase } = await import(${JSON.stringify(join(process.cwd(), 'apps/controller/dist/db/open.js'))});
      await openDatabase({ stateDir: ${JSON.stringify(stateDir)}, databaseUrl: null, fleetName: 'test' });
      console.log('ready'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const pid = await postmasterPid(stateDir);
    child.kill('SIGKILL');
    await waitFor(() => !isAlive(pid));
    expect(existsSync(join(stateDir, 'postgres/postmaster.pid'))).toBe(false);
    await rm(stateDir, { recursive: true, force: true });
  });
});

describe('the schema', () => {
  it('refuses a raise without a grant, a second open plan, and an unknown state', async () => {
    await withDatabase(async ({ database }) => {
      const { siteId } = database;
      const hostId = uuidv7();
      await database.prisma.host.create({ data: { id: hostId, siteId, hardwareUuid: 'A', name: 'a', enrolledAt: AT } });
      const intent = { hostId, siteId, number: 1, quota: 255, extraArgs: [], setAt: AT };
      await expect(database.prisma.intent.create({ data: intent })).rejects.toThrow(/intent_raise_has_grant/);
      const plan = (generation: bigint, state: string) =>
        database.prisma.plan.create({
          data: {
            id: uuidv7(),
            siteId,
            hostId,
            generation,
            intentNumber: 1,
            bytes: Buffer.from('{}'),
            signature: Buffer.alloc(0),
            state,
            createdAt: AT,
          },
        });
      await plan(1n, 'open');
      await expect(plan(2n, 'open')).rejects.toThrow();
      await expect(plan(3n, 'resting')).rejects.toThrow(/plan_state/);
    });
  });

  it('says in every row which site it is of, bounds what is a state, and makes no id itself', async () => {
    await withDatabase(async ({ database }) => {
      const names = async (sql: string) =>
        (await database.pool.query<{ name: string }>(sql)).rows.map(({ name }) => name);
      const columns = `FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND c.relname <> '_prisma_migrations'`;
      const tables = await names(`SELECT DISTINCT c.relname AS name ${columns} ORDER BY name`);
      expect(tables).toContain('job');
      const withSite = `SELECT c.relname AS name ${columns} AND a.attname = 'site_id' AND a.attnotnull ORDER BY name`;
      expect(await names(withSite)).toEqual(tables.filter((name) => name !== 'site'));
      // Kinds of events and of jobs grow with versions: an older controller must be able to live beside a newer one.
      expect(
        await names(`SELECT c.relname || '.' || a.attname AS name ${columns} AND a.atttypid = 'text'::regtype
          AND a.attname IN ('state', 'kind', 'lane', 'presence', 'role', 'approvals')
          AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c' AND a.attnum = ANY(k.conkey))
          ORDER BY name`),
      ).toEqual(['host_event.kind', 'job.kind']);
      expect(
        await names(`SELECT c.relname AS name ${columns} AND a.atttypid = 'uuid'::regtype AND a.atthasdef`),
      ).toEqual([]);
    });
  });

  it('writes a change and its audit row together or not at all', async () => {
    await withDatabase(async ({ database }) => {
      const { siteId } = database;
      const work = database.transaction(async (tx) => {
        await tx.policy.create({ data: { id: uuidv7(), siteId, name: 'p', createdAt: AT } });
        await writeAudit(tx, {
          actor: 'token:t',
          action: 'policy.create',
          entity: 'policy',
          entityId: 'p',
          at: AT,
          siteId,
          after: { name: 'p' },
        });
        throw new Error('cut');
      });
      await expect(work).rejects.toThrow('cut');
      expect(await database.prisma.audit.count()).toBe(0);
      expect(await database.prisma.policy.count()).toBe(0);
    });
  });

  it('has no difference between the migrations and the Prisma schema', () => {
    execFileSync(process.execPath, ['scripts/check-migrations.mjs'], { stdio: 'pipe' });
  });
});
