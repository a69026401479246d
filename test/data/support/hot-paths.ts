/**
 * What runs for every call of an agent, in every round of the timer, and behind every page: run for real, so that the SQL
 * that is explained is the SQL that the product sends.
 */
import { generateKeyPairSync } from 'node:crypto';
import { FinishRequest, OpenSessionRequest, Outcome } from '@headroom/proto';
import { CallLimit } from '../../../apps/controller/src/agents/call-limit.ts';
import { Admission, type AnyCall } from '../../../apps/controller/src/agents/caller.ts';
import { CloneWatch } from '../../../apps/controller/src/agents/clone-watch.ts';
import { HostCertificates } from '../../../apps/controller/src/agents/host-certificates.ts';
import { ReportStore } from '../../../apps/controller/src/agents/report-store.ts';
import { SessionStore } from '../../../apps/controller/src/agents/session-store.ts';
import { VisitNotices } from '../../../apps/controller/src/agents/visit-notices.ts';
import { operationRoutes } from '../../../apps/controller/src/api/operations.ts';
import type { Route } from '../../../apps/controller/src/api/route.ts';
import { SignIn } from '../../../apps/controller/src/api/sign-in.ts';
import { EventLog, OVERLAP_MS } from '../../../apps/controller/src/api/watch/event-log.ts';
import { auditRoutes } from '../../../apps/controller/src/audit/routes.ts';
import { InProcessBus } from '../../../apps/controller/src/bus/bus.ts';
import { Clock } from '../../../apps/controller/src/common/clock.ts';
import { firstIdAt } from '../../../apps/controller/src/common/ids.ts';
import { SweepHealth } from '../../../apps/controller/src/common/sweep-parts.ts';
import { EndedWork, FIRST_ID } from '../../../apps/controller/src/data/ended-work.ts';
import { ENDED_KINDS } from '../../../apps/controller/src/data/ended-work-sql.ts';
import type { Database } from '../../../apps/controller/src/db/database.ts';
import { Evaluator } from '../../../apps/controller/src/evaluator/evaluator.ts';
import { listHosts } from '../../../apps/controller/src/hosts/host-list.ts';
import { viewHost } from '../../../apps/controller/src/hosts/host-view.ts';
import { HostEnds } from '../../../apps/controller/src/hosts/retire.ts';
import { EndedTally } from '../../../apps/controller/src/jobs/ended-tally.ts';
import { FinishJob } from '../../../apps/controller/src/jobs/finish-job.ts';
import { JobEnds } from '../../../apps/controller/src/jobs/job-ends.ts';
import { JobStore } from '../../../apps/controller/src/jobs/job-store.ts';
import { jobRoutes } from '../../../apps/controller/src/jobs/routes.ts';
import { LabelRules } from '../../../apps/controller/src/labels/label-rules.ts';
import { PlanWriter } from '../../../apps/controller/src/plans/plan-writer.ts';
import { RelabelledHosts } from '../../../apps/controller/src/policies/relabelled.ts';
import { readiness } from '../../../apps/controller/src/readiness/readiness.ts';
import { ExceptionEnds } from '../../../apps/controller/src/rollouts/exception-ends.ts';
import { RolloutEngine } from '../../../apps/controller/src/rollouts/rollout-engine.ts';
import { rolloutRoutes } from '../../../apps/controller/src/rollouts/routes.ts';
import { hostsOfTarget, updatesByTarget } from '../../../apps/controller/src/updates/roll-up.ts';
import { visitRoutes } from '../../../apps/controller/src/visits/routes.ts';
import { VisitWriter } from '../../../apps/controller/src/visits/visit-writer.ts';
import { Visits } from '../../../apps/controller/src/visits/visits.ts';
import { WebhookSender } from '../../../apps/controller/src/webhooks/sender.ts';
import { HOSTS, idOf, NOW, ROLLOUTS } from './big-fleet.ts';

export interface HotPath {
  readonly name: string;
  readonly run: () => Promise<unknown>;
  /** Tables that it may read as a whole all the same, and why. */
  readonly mayReadAll?: { readonly tables: readonly string[]; readonly why: string };
}

const COUNTS_ALL = {
  tables: ['host', 'host_state'],
  why: 'it counts the whole fleet: one pass over two tables of a row per host',
};
const COUNTS_HOSTS = {
  tables: ['host'],
  why: 'a rollout that takes a raise back is compared with the size of the fleet',
};

const clock = new (class extends Clock {
  now = () => NOW;
})();

/** In this order: a job is leased before it is renewed and finished. */
export function hotPaths(database: Database, serial: string): readonly HotPath[] {
  const bus = new InProcessBus();
  const jobs = new JobStore(database, clock, bus, { leaseTtlMs: 60_000 });
  const reports = new ReportStore(database, clock);
  const sessions = new SessionStore(
    database,
    clock,
    reports,
    jobs,
    new HostCertificates(database, clock),
    new CloneWatch(database, clock),
  );
  const finishing = new FinishJob(database, clock, bus);
  const rollouts = new RolloutEngine(database, bus, clock);
  const publicKeyPem = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const key = { keyId: 'none', publicKeyPem, sign: () => '' };
  const plans = new PlanWriter(database, jobs);
  const labels = new LabelRules(database, bus);
  const evaluator = new Evaluator({
    database,
    bus,
    plans,
    visits: new VisitWriter(database),
    rollouts,
    labels,
    key,
    checkInMs: 60_000,
  });
  const visits = visitRoutes(database, new Visits(database, bus));
  const audit = auditRoutes(database);
  const jobEnds = new JobEnds(database, bus, clock);
  const hostEnds = new HostEnds(database, new HostCertificates(database, clock), jobs, bus, rollouts);
  const jobPages = jobRoutes(database, jobEnds, clock);
  const rolloutPages = rolloutRoutes(database);
  const rolloutId = idOf('rollout', ROLLOUTS);
  const events = new EventLog(database);
  const since = new Date(NOW.getTime() - OVERLAP_MS);
  const aMinuteAgo = new Date(NOW.getTime() - 60_000);
  const sender = new WebhookSender(database, clock, bus, { sign: () => '' }, 1_000);

  // A host whose open plan waits to be worked on: neither leased nor in a back-off.
  const hostId = idOf('host', 50);
  const sessionNumber = 5n;
  const jobId = idOf('job', 50 * 8 + 3 * 2 + 2);
  const position = (sequence: bigint) => ({ sessionNumber, bootOrdinal: 1, sequence });
  const caller = { hostId, hardwareUuid: 'UUID-50', serial, address: '127.0.0.1', sessionNumber };
  const middle = Buffer.from(idOf('host', HOSTS / 2)).toString('base64url');
  const page = { limit: 50 };

  return [
    {
      name: 'agent: who calls',
      run: () => new Admission(database, clock, new CallLimit()).admit(callOf(database, hostId, serial)),
    },
    { name: 'agent: check-in with nothing new', run: () => reports.touch(hostId, position(200n)) },
    { name: 'agent: shall the Mac be drained', run: () => new VisitNotices(database).of(hostId) },
    { name: 'agent: is there work', run: () => jobs.workAvailable(hostId, sessionNumber) },
    { name: 'agent: lease', run: async () => expectLeased(await jobs.lease(hostId, sessionNumber)) },
    {
      name: 'agent: renew',
      run: () => jobs.renew({ hostId, sessionNumber, jobId, leaseNumber: 2, progress: 'half' }),
    },
    {
      name: 'agent: finish',
      run: async () => {
        const report = { jobId, leaseNumber: 2, generation: 3n, outcome: Outcome.SUCCEEDED };
        const result = await finishing.finish(caller, position(201n), FinishRequest.fromPartial(report));
        if (!result.accepted) throw new Error(`the finish was declined: ${result.code}`);
      },
    },
    {
      name: 'agent: new session',
      run: () =>
        sessions.open(
          caller,
          OpenSessionRequest.fromPartial({ bootSessionId: 'B', bootOrdinal: 2, highestGeneration: 9n }),
        ),
    },
    { name: 'timer: lapsed leases and ended back-offs', run: () => jobs.sweep() },
    { name: 'timer: hosts heard again', run: () => evaluator.markReturned(NOW) },
    { name: 'timer: hosts that are due', run: () => evaluator.runBatch(NOW) },
    { name: 'timer: rollouts', run: () => rollouts.openPending(NOW) },
    { name: 'timer: jobs that are too old', run: () => jobEnds.expire(NOW) },
    { name: 'timer: cancelled jobs', run: () => jobEnds.letGo(NOW) },
    {
      name: 'timer: changed labels',
      run: () => new RelabelledHosts(database, rollouts).sweepOnce(NOW),
    },
    {
      name: 'timer: ends of exceptions',
      run: () => new ExceptionEnds(database, rollouts).sweepOnce(NOW),
      mayReadAll: COUNTS_HOSTS,
    },
    { name: 'timer: hosts to be retired', run: () => hostEnds.sweepOnce(NOW) },
    { name: 'timer: label rules', run: () => labels.sweepOnce(NOW) },
    { name: 'timer: count of ended jobs', run: () => new EndedTally(database, aMinuteAgo).read(NOW) },
    { name: 'timer: ended work', run: () => removeSome(new EndedWork(database, { workDays: 30 })) },
    { name: 'webhooks: what is due, claimed and sent', run: () => sendAll(sender) },
    { name: 'timer: old deliveries', run: () => sender.purge(NOW) },
    { name: 'watch: new events', run: () => events.idsSince(since) },
    { name: 'watch: these events', run: async () => events.byIds(await events.idsSince(since), since) },
    { name: 'watch: a page of the past', run: () => events.after(firstIdAt(since.getTime())) },
    { name: 'watch: progress', run: () => events.progressOf([hostId, idOf('host', 51)]) },
    { name: 'watch: revoked tokens', run: () => events.revokedOf([idOf('host', 1)]) },
    { name: 'page: hosts', run: () => listHosts(database, page) },
    { name: 'page: hosts of a rack', run: () => listHosts(database, { ...page, label: 'rack-7' }) },
    {
      name: 'page: hosts with two labels in a state, from a cursor',
      run: () => listHosts(database, { ...page, label: ['all', 'half-0'], state: 'kdk_missing', cursor: middle }),
    },
    { name: 'page: silent hosts', run: () => listHosts(database, { ...page, presence: 'silent' }) },
    {
      name: 'page: hosts with a finding',
      run: () => listHosts(database, { ...page, filter: 'finding==NO_HANDS' }),
    },
    { name: 'page: one host', run: () => viewHost(database, hostId) },
    { name: 'page: visits that are due', run: () => handle(visits, 'listVisits', { ...page, state: 'due' }) },
    { name: 'page: visits', run: () => handle(visits, 'listVisits', page) },
    { name: 'page: visits of somebody', run: () => handle(visits, 'listVisits', { ...page, owner: 'kim' }) },
    { name: 'page: overdue visits', run: () => handle(visits, 'listVisits', { ...page, overdue: 'true' }) },
    { name: 'page: visits to walk to', run: () => handle(visits, 'getVisitRoute', { dueBefore: NOW.toISOString() }) },
    { name: 'page: jobs', run: () => handle(jobPages, 'listJobs', page) },
    { name: 'page: jobs of a Mac', run: () => handle(jobPages, 'listJobs', { ...page, host: hostId }) },
    { name: 'page: open jobs', run: () => handle(jobPages, 'listJobs', { ...page, state: 'queued' }) },
    { name: 'page: failed jobs', run: () => handle(jobPages, 'listJobs', { ...page, state: 'failed' }) },
    { name: 'page: dead letters', run: () => handle(jobPages, 'listJobs', { ...page, replayable: 'true' }) },
    {
      name: 'page: jobs with an error',
      run: () => handle(jobPages, 'listJobs', { ...page, errorCode: 'KDK_IMAGE_DAMAGED' }),
    },
    { name: 'page: rollouts', run: () => handle(rolloutPages, 'listRollouts', { limit: 10 }) },
    { name: 'page: one rollout', run: () => handle(rolloutPages, 'getRollout', page, { id: rolloutId }) },
    { name: 'page: Macs of a rollout', run: () => handle(rolloutPages, 'listRolloutTargets', page, { id: rolloutId }) },
    { name: 'page: audit', run: () => handle(audit, 'listAudit', page) },
    {
      name: 'page: audit of one thing',
      run: () => handle(audit, 'listAudit', { ...page, entity: 'host', entityId: '50' }),
    },
    {
      name: 'page: audit of somebody since a day',
      run: () => handle(audit, 'listAudit', { ...page, filter: 'actor==token:kim;at>=2026-11-01' }),
    },
    {
      name: 'page: jobs of a kind that failed',
      run: () => handle(jobPages, 'listJobs', { ...page, filter: 'kind==build_kc;state=in=(failed,dead)' }),
    },
    {
      name: 'page: readiness',
      run: () => readiness(database),
      mayReadAll: COUNTS_ALL,
    },
    {
      name: 'page: metrics',
      run: () =>
        handle(
          operationRoutes({
            database,
            health: new SweepHealth(),
            ended: new EndedTally(database, aMinuteAgo),
            signIn: new SignIn(database),
            calls: new CallLimit(),
          }),
          'getMetrics',
          {},
        ),
      mayReadAll: COUNTS_ALL,
    },
    { name: 'page: updates by target', run: () => updatesByTarget(database), mayReadAll: COUNTS_ALL },
    {
      name: 'page: hosts of an update',
      run: () => hostsOfTarget(database, { limit: 50, target: '23G80' }),
    },
  ];
}

function expectLeased(job: unknown): void {
  if (job === null) throw new Error('there was nothing to lease: the explained plan would be that of an empty answer');
}

/** The first step of each kind, all of whose rows are over for long. */
async function removeSome(work: EndedWork): Promise<void> {
  const endedBefore = new Date(NOW.getTime() - 30 * 86_400_000);
  for (const kind of ENDED_KINDS) await work.stepOf(kind, FIRST_ID, endedBefore, NOW);
}

async function sendAll(sender: WebhookSender): Promise<void> {
  await sender.look();
  await sender.stop();
}

function handle(routes: readonly Route[], id: string, query: object, params: object = {}): Promise<unknown> {
  const route = routes.find((one) => one.id === id);
  if (route === undefined) throw new Error(`there is no route ${id}`);
  return Promise.resolve(route.handle({ query, params, now: NOW } as Parameters<Route['handle']>[0]));
}

/** A call with the certificate of a host, as TLS shows it. */
function callOf({ fleetId }: Database, hostId: string, serial: string): AnyCall {
  const sslPeerCertificate = { subjectaltname: `URI:spiffe://${fleetId}/host/${hostId}`, serialNumber: serial };
  return { getAuthContext: () => ({ sslPeerCertificate }), getPeer: () => '127.0.0.1:1' } as unknown as AnyCall;
}
