/**
 * The database file of the release before, with work under way in it: the present controller takes it over, its Mac goes on where it
 * was, and what the Mac's older agent said is understood. `facts-1.json` is what the first release's agent sends.
 */
import { readFile } from 'node:fs/promises';
import { FinishRequest, Outcome } from '@headroom/proto';
import { expect, it } from 'vitest';
import { InProcessBus } from '../../apps/controller/src/bus/bus.ts';
import { SystemClock } from '../../apps/controller/src/common/clock.ts';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { applyMigrations } from '../../apps/controller/src/db/apply-migrations.ts';
import type { Database } from '../../apps/controller/src/db/database.ts';
import { migrate, openDatabase, readMigrations } from '../../apps/controller/src/db/open.ts';
import { withClient } from '../../apps/controller/src/db/with-client.ts';
import { Evaluator } from '../../apps/controller/src/evaluator/evaluator.ts';
import { listHosts } from '../../apps/controller/src/hosts/host-list.ts';
import { viewHost } from '../../apps/controller/src/hosts/host-view.ts';
import { FinishJob } from '../../apps/controller/src/jobs/finish-job.ts';
import { JobStore } from '../../apps/controller/src/jobs/job-store.ts';
import { LabelRules } from '../../apps/controller/src/labels/label-rules.ts';
import { PlanWriter } from '../../apps/controller/src/plans/plan-writer.ts';
import { RolloutEngine } from '../../apps/controller/src/rollouts/rollout-engine.ts';
import { VisitWriter } from '../../apps/controller/src/visits/visit-writer.ts';
import { signer } from '../simulation/approver.ts';
import { urlOf, withServer } from './support/postgres.ts';

const FACTS = new URL('../fixtures/facts-1.json', import.meta.url);
const [site, fleet, host, plan, job, exception] = Array.from({ length: 6 }, () => uuidv7());
const SESSION = 5n;
const clock = new SystemClock();

/** Statements of the first schema: a Mac whose plan of two steps has its first step leased, and which is due. */
function statements(facts: string): readonly (readonly [string, ...unknown[]])[] {
  const now = clock.now();
  const uuid = (JSON.parse(facts) as { hardware: { uuid: string } }).hardware.uuid;
  const bytes = Buffer.from(JSON.stringify({ steps: [{ kind: 'collect_facts' }, { kind: 'collect_facts' }] }));
  return [
    ['INSERT INTO site VALUES ($1, $2, $3)', site, 'default', now],
    ['INSERT INTO fleet VALUES ($1, $2, $3, $4)', fleet, site, 'old', now],
    [
      'INSERT INTO host (id, site_id, hardware_uuid, name, simulated, enrolled_at) VALUES ($1, $2, $3, $4, true, $5)',
      ...[host, site, uuid, 'mac', now],
    ],
    [
      `INSERT INTO host_report (host_id, site_id, session_number, boot_ordinal, sequence, last_seen_at, facts, facts_sha256, generation)
       VALUES ($1, $2, 5, 1, 9, $3, $4, 'ab', 3)`,
      ...[host, site, now, facts],
    ],
    ['INSERT INTO host_state (host_id, site_id, state_since, due_at) VALUES ($1, $2, $3, $3)', host, site, now],
    ['INSERT INTO intent VALUES ($1, $2, 1, NULL, 2, $3, NULL, NULL, $4)', host, site, [], now],
    [`INSERT INTO plan VALUES ($1, $2, $3, 3, 1, $4, '', 'open', $5, NULL)`, plan, site, host, bytes, now],
    [
      `INSERT INTO job (id, site_id, host_id, plan_id, lane, step_index, kind, state, lease_number, lease_session, lease_expires_at, created_at)
       VALUES ($1, $2, $3, $4, 'plan', 0, 'collect_facts', 'leased', 2, 5, $5, $6)`,
      ...[job, site, host, plan, new Date(now.getTime() + 60_000), now],
    ],
    [
      `INSERT INTO risk_exception VALUES ($1, $2, $1, 'p', 'r', '1', 'ab', 'self', 'token:admin', $3, $3, NULL)`,
      ...[exception, site, now],
    ],
  ];
}

function partsOf(database: Database) {
  const bus = new InProcessBus();
  const jobs = new JobStore(database, clock, bus, { leaseTtlMs: 60_000 });
  const evaluator = new Evaluator({
    database,
    bus,
    plans: new PlanWriter(database, jobs),
    visits: new VisitWriter(database),
    rollouts: new RolloutEngine(database, bus, clock),
    labels: new LabelRules(database, bus),
    key: signer,
    checkInMs: 60_000,
  });
  return { jobs, evaluator, finishing: new FinishJob(database, clock, bus) };
}

it('goes on where it was', { timeout: 120_000 }, async () => {
  const facts = await readFile(FACTS, 'utf8');
  await withServer(null, async (address, stateDir) => {
    const [first] = await readMigrations();
    await applyMigrations(address, first === undefined ? [] : [first]);
    await withClient(address, async (client) => {
      for (const [sql, ...values] of statements(facts)) await client.query(sql, values);
    });
    await migrate(address);
    const opened = await openDatabase({ stateDir, databaseUrl: urlOf(address), fleetName: 'new' });
    const { database } = opened;
    try {
      expect([database.fleetId, database.siteId]).toEqual([fleet, site]);
      const { jobs, evaluator, finishing } = partsOf(database);
      const hostId = host ?? '';

      // The lease that the older controller gave is kept, ended, and the next step handed out.
      expect(await jobs.lease(hostId, SESSION)).toBeNull();
      const hardwareUuid = (JSON.parse(facts) as { hardware: { uuid: string } }).hardware.uuid;
      const report = { jobId: job ?? '', leaseNumber: 2, generation: 3n, outcome: Outcome.SUCCEEDED };
      const position = { sessionNumber: SESSION, bootOrdinal: 1, sequence: 10n };
      const request = FinishRequest.fromPartial({ ...report, factsJson: Buffer.from(facts) });
      expect(await finishing.finish({ hostId, hardwareUuid }, position, request)).toEqual({ accepted: true });
      expect(await jobs.lease(hostId, SESSION)).toMatchObject({ stepIndex: 1, leaseNumber: 1, generation: '3' });

      // The older facts lead to an answer, and pages show it.
      await evaluator.runBatch(clock.now());
      const state = await database.prisma.hostState.findUniqueOrThrow({ where: { hostId } });
      expect(state.evaluatedAt).not.toBeNull();
      expect(state.state).not.toBe('no_facts');
      const { items } = await listHosts(database, { limit: 50 });
      expect(items.map(({ id }) => id)).toEqual([hostId]);
      expect(await viewHost(database, hostId)).toMatchObject({ id: hostId, state: state.state });
    } finally {
      await opened.stop();
    }
  });
});
