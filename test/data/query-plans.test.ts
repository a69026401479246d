/**
 * No statement of a hot path may read a whole large table: what is fast with three Macs must stay so with 20,000. The plans
 * are kept in docs/query-plans.md (node scripts/explain.mjs writes it), which must name every hot path.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HistoryKeeper } from '../../apps/controller/src/data/history.ts';
import { openTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { fillBigFleet, HOSTS, NOW } from './support/big-fleet.ts';
import { type HotPath, hotPaths } from './support/hot-paths.ts';
import { LARGE_ROWS, largeRelations, planText, wholeReads } from './support/plans.ts';
import { Recorder } from './support/recorder.ts';

const DOCUMENT = new URL('../../docs/query-plans.md', import.meta.url);
let db: TestDatabase;
let recorder: Recorder;
let large: ReadonlySet<string>;
let paths: readonly HotPath[];
const sections: string[] = [];

beforeAll(async () => {
  db = await openTestDatabase();
  const { pool, siteId } = db.database;
  await fillBigFleet(pool, siteId);
  await new HistoryKeeper(db.database, { auditDays: 400, eventDays: 180 }).keep(NOW);
  await pool.query('VACUUM ANALYZE');
  large = await largeRelations(pool);
  recorder = new Recorder(db);
  const { rows } = await pool.query<{ serial: string }>(`SELECT md5('50/1') AS serial`);
  paths = hotPaths(recorder.database, rows[0]?.serial ?? '');
}, 180_000);
afterAll(async () => {
  await recorder?.close();
  await db?.stop();
});

async function explain({ name, run, mayReadAll }: HotPath): Promise<readonly string[]> {
  const { pool } = db.database;
  const found: string[] = [];
  const parts = [
    `## ${name}\n`,
    ...(mayReadAll === undefined
      ? []
      : [`Reads whole tables (${mayReadAll.tables.join(', ')}), since ${mayReadAll.why}.\n`]),
  ];
  for (const statement of await recorder.record(run)) {
    for (const read of await wholeReads(pool, statement, large)) found.push(`${read}: ${statement.text}`);
    // What only adds rows has no plan worth reading.
    if (/^\s*INSERT/i.test(statement.text)) continue;
    parts.push(
      `\`\`\`sql\n${statement.text.trim().replaceAll('"public".', '')}\n\`\`\`\n`,
      `\`\`\`\n${await planText(pool, statement)}\n\`\`\`\n`,
    );
  }
  sections.push(parts.join('\n'));
  return found;
}

describe(`hot paths on ${HOSTS} hosts`, () => {
  it('finds the large tables large', () => {
    const expected = [
      'host',
      'host_label',
      'host_report',
      'host_state',
      'intent',
      'plan',
      'job',
      'visit',
      'certificate',
      'webhook_delivery',
    ];
    expect([...large]).toEqual(
      expect.arrayContaining([...expected, 'audit_2026_11', 'host_event_2026_11', 'rollout_target']),
    );
  });

  it('sees a whole read when there is one, also through an index', async () => {
    const { pool } = db.database;
    const reads = (text: string) => wholeReads(pool, { text, values: [] }, large);
    expect(await reads(`SELECT * FROM job WHERE lane = 'x'`)).toEqual(['Seq Scan on job']);
    expect(await reads('SELECT id FROM host ORDER BY id')).toEqual(['Index Only Scan on host']);
    expect(await reads('SELECT id FROM host ORDER BY id LIMIT 50')).toEqual([]);
    expect(await reads(`SELECT * FROM audit WHERE before = '1'`)).toContain('Seq Scan on audit_2026_11');
  });

  it('none reads a whole large table, unless it says why', async () => {
    const found: Record<string, readonly string[]> = {};
    for (const path of paths) {
      const reads = await explain(path);
      const allowed = path.mayReadAll?.tables ?? [];
      const more = reads.filter((read) => !allowed.some((table) => read.includes(` on ${table}: `)));
      if (more.length > 0) found[path.name] = more;
      for (const table of allowed)
        expect(reads.join('\n'), `${path.name} needs no exception any more`).toContain(` on ${table}: `);
    }
    expect(found).toEqual({});
  }, 180_000);

  it('the kept plans are of these paths', async () => {
    const complete = sections.length === paths.length;
    if (process.env['HEADROOM_WRITE_PLANS'] === '1' && complete) await writeFile(DOCUMENT, documentText());
    const kept = await readFile(DOCUMENT, 'utf8');
    const names = [...kept.matchAll(/^## (.*)$/gm)].map(([, name]) => name);
    expect(names, 'run node scripts/explain.mjs').toEqual(paths.map(({ name }) => name));
  });
});

function documentText(): string {
  const head = `# Query plans of the hot paths

Written by \`node scripts/explain.mjs\`: what embedded Postgres answers on ${HOSTS} hosts with their plans, jobs, visits and months of
history. A test fails when a statement here reads a whole table of ${LARGE_ROWS} rows or more (all rows, or all of a large index that no
LIMIT ends), so a missing index is seen before a fleet is large. Values of the run are left out.
`;
  return `${[head, ...sections].join('\n').trimEnd()}\n`;
}
