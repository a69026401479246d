/** A Postgres folder that was not left in order: it starts all the same, or says why not. Nothing of others is stopped for it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../apps/controller/src/db/postgres/embedded.ts';
import { query } from '../support/query.ts';

let folder: string;
let stateDir: string;
let postgres: EmbeddedPostgres;
const others: ChildProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hr-pg-'));
  stateDir = join(folder, 'state');
  postgres = new EmbeddedPostgres(stateDir);
  await postgres.start();
  await query(postgres.address, 'CREATE TABLE kept (n int)');
  await postgres.stop();
});
beforeEach(() => {
  postgres = new EmbeddedPostgres(stateDir);
});
afterEach(async () => {
  await postgres.stop();
  for (const other of others.splice(0)) other.kill('SIGKILL');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const pidFile = () => join(stateDir, 'postgres/postmaster.pid');
const socketLock = () => join(stateDir, 'run/.s.PGSQL.5432.lock');

/** What a crash leaves, with this pid in it. */
function leaveLocks(pid: number): void {
  const dataDir = join(stateDir, 'postgres');
  writeFileSync(pidFile(), `${pid}\n${dataDir}\n1700000000\n5432\n${stateDir}/run\n\n  1234567   0\nready\n`);
  writeFileSync(socketLock(), `${pid}\n${dataDir}\n1700000000\n5432\n${stateDir}/run\n`);
}

/** A program that has nothing to do with us. */
async function another(...args: string[]): Promise<number> {
  const child = spawn('/bin/sleep', ['600'], { stdio: 'ignore', ...(args[0] !== undefined && { argv0: args[0] }) });
  others.push(child);
  await once(child, 'spawn');
  return child.pid ?? 0;
}

async function insertOne(): Promise<number> {
  await query(postgres.address, 'INSERT INTO kept VALUES (1)');
  return (await query(postgres.address, 'SELECT n FROM kept')).length;
}

describe('a Postgres folder', () => {
  it('with the pid of a dead process starts', async () => {
    const pid = await another();
    const [dead] = others.splice(0);
    dead?.kill('SIGKILL');
    if (dead !== undefined) await once(dead, 'exit');
    leaveLocks(pid);
    await postgres.start();
    expect(await insertOne()).toBe(1);
  });

  it.each([
    ['a program', 'sleep'],
    ['a Postgres of somebody else', '/usr/lib/postgresql/bin/postgres'],
  ])('with the pid of %s starts, and leaves that one alone', async (_what, name) => {
    leaveLocks(await another(name));
    await postgres.start();
    expect(await insertOne()).toBeGreaterThan(0);
    expect(others[0]?.exitCode ?? others[0]?.signalCode).toBeNull();
  });

  it('with empty lock files, as a full disk leaves them, starts', async () => {
    writeFileSync(pidFile(), '');
    writeFileSync(socketLock(), '');
    await postgres.start();
    expect(await insertOne()).toBeGreaterThan(0);
  });

  it('of a server that was killed with its guard starts with all that was committed', async () => {
    await postgres.start();
    const before = await insertOne();
    const pid = Number(readFileSync(pidFile(), 'utf8').split('\n')[0]);
    // So that nobody starts it again: this stands for the end of the whole machine.
    const stopped = postgres.stop();
    process.kill(pid, 'SIGKILL');
    await stopped;
    expect(existsSync(pidFile()), 'the end was not clean').toBe(true);
    postgres = new EmbeddedPostgres(stateDir);
    await postgres.start();
    expect(await insertOne()).toBe(before + 1);
  });

  it('that Postgres refuses is named with its own reason, and no server is left behind', async () => {
    const control = join(stateDir, 'postgres/global/pg_control');
    const good = readFileSync(control);
    writeFileSync(control, Buffer.alloc(good.length));
    try {
      await expect(postgres.start()).rejects.toThrow(/Postgres in .*state\/postgres does not start: .*(FATAL|PANIC)/);
      expect(existsSync(pidFile())).toBe(false);
    } finally {
      writeFileSync(control, good);
    }
    postgres = new EmbeddedPostgres(stateDir);
    await postgres.start();
    expect(await insertOne()).toBeGreaterThan(0);
  });
});
