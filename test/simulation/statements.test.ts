/**
 * The simulation says of each statement about rollouts, policies, exceptions and witnesses what it finds and changes. That is worth as much as it
 * agrees with Postgres: here both are asked the same of small tables at random, give the same rows, and hold the same rows afterwards.
 * Another set of tables: HEADROOM_SEED; more of them: HEADROOM_TABLES.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Tx } from '../../apps/controller/src/db/database.ts';
import { randomFrom } from '../../scripts/fuzz/random.ts';
import { openTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { type Question, questionsAbout } from './asked-statements.ts';
import { memoryDatabase } from './memory-database.ts';
import { loadRows, storeRows } from './postgres-rows.ts';
import { RandomRows } from './random-rows.ts';
import { noRows, type Rows } from './rows.ts';
import { START } from './timeline.ts';

const SEED = Number(process.env['HEADROOM_SEED'] ?? 1);
const TABLES = Number(process.env['HEADROOM_TABLES'] ?? 10);
const NOW = new Date(START);
/** Jobs have a conformance test of their own. */
const TABLE_NAMES = (Object.keys(noRows()) as (keyof Rows)[]).filter((name) => name !== 'jobs');

let db: TestDatabase;
beforeAll(async () => {
  db = await openTestDatabase();
});
afterAll(() => db?.stop());

class Undo extends Error {}

/** In a transaction that is taken back: the database is empty before and after. */
async function undone(work: (tx: Tx) => Promise<void>): Promise<void> {
  const run = db.database.transaction(async (tx) => {
    await work(tx);
    throw new Undo();
  });
  await run.catch((error: unknown) => {
    if (!(error instanceof Undo)) throw error;
  });
}

function modelOf(rows: Rows) {
  const silent = { now: () => NOW, losesCommit: () => false, onState: () => {}, onFlip: () => {} };
  return memoryDatabase(rows, silent);
}

const met = new Map<string, number>();

async function compare(tx: Tx, rows: Rows, stored: Rows, { name, isRead, isOrdered, ask }: Question): Promise<void> {
  if (!isRead) await tx.$executeRawUnsafe('SAVEPOINT asked');
  const real = await ask(tx, db.database);
  const realAfter = isRead ? stored : await loadRows(tx);
  if (!isRead) await tx.$executeRawUnsafe('ROLLBACK TO SAVEPOINT asked');
  const after = structuredClone({ ...rows });
  const model = modelOf(after);
  const said = await ask(model.prisma as unknown as Tx, model);
  met.set(name, (met.get(name) ?? 0) + (isFound(real) || text(stored) !== text(realAfter) ? 1 : 0));
  expect(shown(said, real, isOrdered), `${name}: what it gives`).toEqual(shown(real, real, isOrdered));
  expectSame(after, realAfter, stored, name);
}

function expectSame(model: Rows, real: Rows, before: Rows, name: string): void {
  for (const table of TABLE_NAMES) {
    const [one, other] = [tableOf(model, real, table, before), tableOf(real, real, table, before)];
    expect(one, `${name}: ${table} afterwards`).toEqual(other);
  }
}

describe(`tables ${SEED} to ${SEED + TABLES - 1}`, () => {
  it.each(Array.from({ length: TABLES }, (_none, index) => SEED + index))(
    'of seed %i say the same in the model and in Postgres',
    async (seed) => {
      const drawn = new RandomRows(randomFrom(seed, 11));
      await undone(async (tx) => {
        await storeRows(tx, db.database.siteId, drawn.rows);
        const stored = await loadRows(tx);
        expectSame(structuredClone({ ...drawn.rows }), stored, stored, 'nothing');
        for (const question of questionsAbout(drawn, NOW)) await compare(tx, drawn.rows, stored, question);
      });
    },
  );

  it('and each statement finds or changes something in one of them', () => {
    expect([...met].filter(([, count]) => count === 0).map(([name]) => name)).toEqual([]);
  });
});

function isFound(answer: unknown): boolean {
  return Array.isArray(answer) ? answer.length > 0 : typeof answer === 'number' ? answer > 0 : answer === true;
}

/** Of an answer, what Postgres gives; in its order only where the statement asks for one. */
function shown(answer: unknown, real: unknown, isOrdered: boolean): unknown {
  if (!Array.isArray(answer) || !Array.isArray(real)) return answer;
  const names = Object.keys((real as object[])[0] ?? {});
  const rows = (answer as Record<string, unknown>[]).map((row) =>
    names.length === 0 ? {} : Object.fromEntries(names.map((name) => [name, inOrder(row[name])])),
  );
  return isOrdered ? rows : rows.sort((left, right) => (text(left) < text(right) ? -1 : 1));
}

/** Lists within a row have no order. */
function inOrder(value: unknown): unknown {
  return Array.isArray(value) ? [...value].sort() : value;
}

/** A table with the columns that are compared; what was made anew has another id on each side. */
function tableOf(rows: Rows, real: Rows, table: keyof Rows, before: Rows): readonly object[] {
  const names = Object.keys((real[table] as object[])[0] ?? {});
  const known = new Set(before.rollouts.map(({ id }) => id));
  const made = rows.rollouts
    .filter(({ id }) => !known.has(id))
    .sort((left, right) => (String(left.revisionId) < String(right.revisionId) ? -1 : 1));
  const ids = new Map(made.map(({ id }, nth) => [id, `new rollout ${nth}`]));
  const named = (value: unknown) =>
    typeof value === 'string' ? [...ids].reduce((so, [id, name]) => so.replaceAll(id, name), value) : inOrder(value);
  return (rows[table] as readonly object[] as Record<string, unknown>[])
    .map((row) => Object.fromEntries(names.map((name) => [name, named(row[name])])))
    .sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
}

function keyOf({ id, rolloutId, hostId }: Record<string, unknown>): string {
  return `${String(id)} ${String(rolloutId)} ${String(hostId)}`;
}

function text(value: unknown): string {
  return JSON.stringify(value, (_name, one) => (typeof one === 'bigint' ? String(one) : one)) ?? '';
}
