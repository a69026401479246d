/** A fleet as one file: nothing is lost on the way, nothing half arrives, and a file of an earlier schema still loads. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Readable, Writable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import type pg from 'pg';
import { describe, expect, it } from 'vitest';
import { exportFleet } from '../../apps/controller/src/data/export-fleet.ts';
import { HistoryKeeper } from '../../apps/controller/src/data/history.ts';
import { importFleet } from '../../apps/controller/src/data/import-fleet.ts';
import { migrate, openDatabase } from '../../apps/controller/src/db/open.ts';
import type { PostgresBinaries } from '../../apps/controller/src/db/postgres/binaries.ts';
import { withClient } from '../../apps/controller/src/db/with-client.ts';
import { POSTGRES_VERSIONS } from '../support/postgres.ts';
import { writeSampleFleet } from './support/fleet.ts';
import { urlOf, withServer } from './support/postgres.ts';

const AT = new Date('2026-11-23T12:00:00Z');
const EARLIER = new URL('../fixtures/export-1.ndjson.gz', import.meta.url);
const [eighteen, fifteen] = POSTGRES_VERSIONS;

/** Two empty databases with our schema on one server. */
async function withTwo(
  work: (from: pg.Client, to: pg.Client) => Promise<void>,
  binaries: PostgresBinaries | null | undefined = eighteen?.binaries,
): Promise<void> {
  await withServer(binaries ?? null, async (address) => {
    const [from, to] = ['from_here', 'to_there'].map((database) => ({ ...address, database }));
    if (from === undefined || to === undefined) return;
    for (const one of [from, to]) {
      await withClient(address, (admin) => admin.query(`CREATE DATABASE ${one.database}`));
      await migrate(one);
    }
    await withClient(from, (fromClient) => withClient(to, (toClient) => work(fromClient, toClient)));
  });
}

async function exportOf(client: pg.ClientBase): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const out = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  await exportFleet(client, out, AT);
  return Buffer.concat(chunks);
}

const linesOf = (file: Buffer) => gunzipSync(file).toString('utf8').trimEnd().split('\n');

/** The file with its lines changed, with a trailer that fits unless told otherwise. */
function changed(file: Buffer, change: (lines: string[]) => string[], trailer = true): Buffer {
  const lines = change(linesOf(file).slice(0, -1));
  const body = `${lines.join('\n')}\n`;
  const sha256 = createHash('sha256')
    .update(trailer ? body : 'other')
    .digest('hex');
  return gzipSync(`${body}${JSON.stringify({ sha256 })}\n`);
}

/** The sample has a row in each of them. */
async function tablesOfEarlier(): Promise<readonly string[]> {
  const { tables } = JSON.parse(linesOf(await readFile(EARLIER))[0] ?? '') as { tables: { name: string }[] };
  expect(tables.length).toBeGreaterThan(15);
  return tables.map(({ name }) => name);
}

async function rowsIn(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query('SELECT (SELECT count(*) FROM host) + (SELECT count(*) FROM fleet) AS n');
  return Number(rows[0].n);
}

describe('export and import', () => {
  for (const { name, binaries } of POSTGRES_VERSIONS)
    it.skipIf(binaries === null)(
      `what was exported, imported and exported again is the same, byte for byte, on ${name}`,
      async () => {
        await withTwo(async (from, to) => {
          await writeSampleFleet(from);
          const file = await exportOf(from);
          const summary = await importFleet(to, Readable.from(file));
          const { tables } = JSON.parse(linesOf(file)[0] ?? '') as { tables: { name: string; rows: number }[] };
          expect(tables.filter(({ rows }) => rows > 0).map((table) => table.name)).toEqual(await tablesOfEarlier());
          expect(linesOf(await exportOf(to))).toEqual(linesOf(file));
          expect(summary.rows).toBe(linesOf(file).length - 2);
        }, binaries);
      },
    );

  it('goes from Postgres 15 to 18', async (context) => {
    if (fifteen?.binaries == null) return context.skip();
    let file: Buffer = Buffer.alloc(0);
    await withTwo(async (from) => {
      await writeSampleFleet(from);
      file = await exportOf(from);
    }, fifteen.binaries);
    await withTwo(async (_from, to) => {
      await importFleet(to, Readable.from(file));
      expect(linesOf(await exportOf(to))).toEqual(linesOf(file));
    });
  });

  it('is one moment of the fleet, whatever is written meanwhile, and does not change it', async () => {
    await withTwo(async (from, writer) => {
      await writeSampleFleet(from);
      // Enough for the file to begin long before the last tables are read.
      await from.query(`INSERT INTO audit (id, site_id, at, actor, action, entity, entity_id)
        SELECT gen_random_uuid(), gen_random_uuid(), '2026-11-23', md5(random()::text), 'b', 'e', md5(random()::text)
        FROM generate_series(1, 5000)`);
      const other = { host: writer.host, user: 'headroom', database: 'from_here' };
      let interfered = false;
      const chunks: Buffer[] = [];
      const out = new Writable({
        highWaterMark: 1,
        write(chunk: Buffer, _encoding, done) {
          chunks.push(chunk);
          const first = !interfered;
          interfered = true;
          if (first) withClient(other, (client) => client.query('DELETE FROM visit')).then(() => done(), done);
          else done();
        },
      });
      const summary = await exportFleet(from, out, AT);
      expect(interfered).toBe(true);
      const lines = linesOf(Buffer.concat(chunks));
      expect(lines).toHaveLength(summary.rows + 2);
      expect(lines.filter((line) => line.includes('ABCDE12345'))).toHaveLength(1);
      await expect(from.query('SELECT 1')).resolves.toMatchObject({ rowCount: 1 });
    });
  });

  it('an import is all or nothing: damaged, cut, lengthened, from a newer version, into a database in use', async () => {
    await withTwo(async (from, to) => {
      await writeSampleFleet(from);
      const file = await exportOf(from);
      const flipped = Buffer.from(file);
      flipped.writeUInt8(flipped.readUInt8(file.length >> 1) ^ 0xff, file.length >> 1);
      const header = (change: Record<string, unknown>) => (lines: string[]) => [
        JSON.stringify({ ...JSON.parse(lines[0] ?? ''), ...change }),
        ...lines.slice(1),
      ];
      const tables = JSON.parse(linesOf(file)[0] ?? '').tables as { name: string; columns: string[]; rows: number }[];
      const unknown = tables.map((table) => (table.name === 'host' ? { ...table, columns: ['id', 'rack'] } : table));
      const cases: readonly [string, Buffer, RegExp][] = [
        ['no gzip', Buffer.from('hello'), /header check|cannot be imported/],
        ['cut off', file.subarray(0, file.length - 40), /end of file|cut off|not whole/],
        ['a flipped byte', flipped, /./],
        ['another sum', changed(file, (lines) => lines, false), /was changed: its lines have the sha256/],
        [
          'a changed row',
          changed(file, (lines) => lines.map((line) => line.replace('mac 0', 'mac 9')), false),
          /was changed/,
        ],
        ['a row more', changed(file, (lines) => [...lines, '{}']), /more rows than its header says/],
        ['a row less', changed(file, (lines) => lines.slice(0, -1)), /cannot be imported|ends before/],
        [
          'two rows in a line',
          changed(file, (lines) => lines.map((line, n) => (n === 1 ? `${line},${line}` : line))),
          /cannot be/,
        ],
        ['a newer schema', changed(file, header({ migration: '29991231000000_x' })), /made at schema 29991231000000_x/],
        ['a newer format', changed(file, header({ version: 2 })), /does not begin with the header/],
        ['an unknown column', changed(file, header({ tables: unknown })), /no host\.rack any more/],
        [
          'SQL in a name',
          changed(file, header({ tables: [{ name: 'host"; --', columns: ['id'], rows: 0 }] })),
          /header/,
        ],
      ];
      for (const [what, damaged, message] of cases) {
        const refusal = await importFleet(to, Readable.from(damaged)).then(() => 'loaded', String);
        expect([what, refusal]).toEqual([what, expect.stringMatching(message)]);
        expect([what, await rowsIn(to)]).toEqual([what, 0]);
      }
      await importFleet(to, Readable.from(file));
      await expect(importFleet(to, Readable.from(file))).rejects.toThrow(/not empty: table \w+ has rows/);
      expect(await rowsIn(to)).toBe(3);
    });
  });

  it('takes a file of the first schema: later columns get their default, history its months', async () => {
    await withServer(null, async (address, stateDir) => {
      await migrate(address);
      await withClient(address, async (client) => {
        // As some later migration will.
        await client.query(`ALTER TABLE host ADD COLUMN rack TEXT NOT NULL DEFAULT 'none', ADD COLUMN added TEXT`);
        const summary = await importFleet(client, createReadStream(EARLIER));
        expect(summary.migration).toBe('20261123000000_first');
        const { rows } = await client.query('SELECT name, rack, added FROM host ORDER BY id');
        expect(rows).toEqual([0, 1].map((n) => ({ name: `mac ${n}\nsecond line`, rack: 'none', added: null })));
        const places = await client.query(`SELECT tableoid::regclass::text AS place FROM audit ORDER BY at`);
        // At once: moved later, a month of a large fleet takes longer than a start may.
        expect(places.rows.map(({ place }) => place)).toEqual(['audit_2024_01', 'audit_2026_10', 'audit_2026_11']);
        const opened = await openDatabase({ stateDir, databaseUrl: urlOf(address), fleetName: 'other' });
        expect(opened.database.fleetId).toBe(summary.fleetId);
        const { made } = await new HistoryKeeper(opened.database, { auditDays: 400, eventDays: 180 }).keep(AT);
        expect(made).not.toContain('audit_2026_11');
        await opened.stop();
        // What the file said is said still; columns that came later may stand beside it.
        const reports = (file: Buffer) => linesOf(file).filter((line) => line.includes('"session_number"'));
        const then = reports(await readFile(EARLIER)).slice(1);
        const now = reports(await exportOf(client)).slice(1);
        expect(then).toHaveLength(2);
        expect(now.map((line) => JSON.parse(line))).toMatchObject(then.map((line) => JSON.parse(line)));
      });
    });
  });
});
