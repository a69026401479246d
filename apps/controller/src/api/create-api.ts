/** The one place where the API's services are put together; the process wiring calls it once. */
import { join } from 'node:path';
import type { DynamicModule } from '@nestjs/common';
import type { CallLimit } from '../agents/call-limit.ts';
import type { HostCertificates } from '../agents/host-certificates.ts';
import { auditRoutes } from '../audit/routes.ts';
import type { ControllerBus } from '../bus/bus.ts';
import type { Clock } from '../common/clock.ts';
import type { SweepHealth, SweepPart } from '../common/sweep-parts.ts';
import type { ControllerConfig } from '../config/config.ts';
import type { Database } from '../db/database.ts';
import { enrolTokenRoutes } from '../enrol/token-routes.ts';
import type { TokenService } from '../enrol/token-service.ts';
import { Evaluator } from '../evaluator/evaluator.ts';
import { EvaluatorLoop } from '../evaluator/evaluator-loop.ts';
import { ExceptionUpkeep } from '../exceptions/exception-upkeep.ts';
import { Exceptions, type HostsOfRevision } from '../exceptions/exceptions.ts';
import { grantKeyRoutes } from '../exceptions/grant-key-routes.ts';
import type { GrantSigner } from '../exceptions/grant-signer.ts';
import { KeyRetirement } from '../exceptions/key-retirement.ts';
import { exceptionRoutes } from '../exceptions/routes.ts';
import { placeRoutes } from '../hosts/place-routes.ts';
import { HostPlaces } from '../hosts/place-store.ts';
import { HostEnds } from '../hosts/retire.ts';
import { hostRoutes } from '../hosts/routes.ts';
import { EndedTally } from '../jobs/ended-tally.ts';
import { JobEnds } from '../jobs/job-ends.ts';
import type { JobStore } from '../jobs/job-store.ts';
import { jobRoutes } from '../jobs/routes.ts';
import { KdkFolder } from '../kdks/kdk-folder.ts';
import { KdkInbox } from '../kdks/kdk-inbox.ts';
import { Kdks } from '../kdks/kdks.ts';
import { kdkRoutes } from '../kdks/routes.ts';
import type { WebhookKey } from '../keys/webhook-key.ts';
import { LabelRules } from '../labels/label-rules.ts';
import { labelRuleRoutes } from '../labels/routes.ts';
import { PlanWriter } from '../plans/plan-writer.ts';
import { explainRoutes } from '../policies/explain.ts';
import { Policies } from '../policies/policies.ts';
import { RelabelledHosts } from '../policies/relabelled.ts';
import { policyRoutes } from '../policies/routes.ts';
import { Proposals } from '../proposals/proposals.ts';
import { proposalRoutes } from '../proposals/routes.ts';
import type { JobQueue } from '../queue/queue.ts';
import { readinessRoutes } from '../readiness/routes.ts';
import { Reverts } from '../reverts/reverts.ts';
import { revertRoutes } from '../reverts/routes.ts';
import { controlRoutes } from '../rollouts/control-routes.ts';
import { ExceptionEnds } from '../rollouts/exception-ends.ts';
import { RolloutControl } from '../rollouts/rollout-control.ts';
import { RolloutEngine } from '../rollouts/rollout-engine.ts';
import { rolloutRoutes } from '../rollouts/routes.ts';
import { acceptanceRoutes } from '../updates/acceptance-routes.ts';
import { UpdateAcceptances } from '../updates/acceptances.ts';
import { updateRoutes } from '../updates/routes.ts';
import { planningRoutes } from '../visits/planning-routes.ts';
import { visitRoutes } from '../visits/routes.ts';
import { sheetRoutes } from '../visits/run-sheet/routes.ts';
import { VisitPlanning } from '../visits/visit-planning.ts';
import { VisitWriter } from '../visits/visit-writer.ts';
import { Visits } from '../visits/visits.ts';
import { webhookRoutes } from '../webhooks/routes.ts';
import { WebhookSender } from '../webhooks/sender.ts';
import { Webhooks } from '../webhooks/webhooks.ts';
import { witnessRoutes } from '../witness/routes.ts';
import { Witnesses } from '../witness/witnesses.ts';
import { ApiModule } from './api.module.ts';
import { Idempotency } from './idempotency.ts';
import { operationRoutes } from './operations.ts';
import type { Route } from './route.ts';
import { SignIn } from './sign-in.ts';
import { tokenRoutes } from './token-routes.ts';
import { EventLog } from './watch/event-log.ts';
import { watchRoutes } from './watch/routes.ts';
import { WatchHub, type WatchTimes } from './watch/watch-hub.ts';

export interface ApiDeps {
  readonly config: Pick<ControllerConfig, 'stateDir' | 'kdkDir' | 'checkInMs' | 'simulation' | 'publicUrl'>;
  readonly database: Database;
  readonly clock: Clock;
  readonly bus: ControllerBus;
  readonly queue: JobQueue;
  /** `KeyStore.grantKey`. */
  readonly grantKey: GrantSigner;
  /** `KeyStore.webhookKey`. */
  readonly webhookKey: WebhookKey;
  /** The job store. */
  readonly jobs: Pick<JobStore, 'openJob' | 'cancelOpen'>;
  readonly certificates: HostCertificates;
  readonly enrolTokens: TokenService;
  /** Of this process. */
  readonly health: SweepHealth;
  readonly calls: CallLimit;
  /** `ClockTrust.isSettled`: may what is old be removed for good? */
  readonly mayRemove: (now: Date) => boolean;
  /** Asked in each round of the plain timer: is what time ends to be carried out now? Absent = always. */
  readonly mayExpire?: (now: Date) => boolean;
  /** Tests hurry. */
  readonly watchTimes?: WatchTimes;
}

export interface Api {
  /** Import it in a Nest application made with `bodyParser: false`. */
  readonly module: DynamicModule;
  readonly routes: readonly Route[];
  /** The agents' listener sends images from here. */
  readonly kdkFiles: KdkFolder;
  readonly kdkInbox: KdkInbox;
  readonly evaluatorLoop: EvaluatorLoop;
  readonly rollouts: RolloutEngine;
  /** Makes folders and takes the queue's work; call it before the listener opens. */
  start(): Promise<void>;
  /** For the plain timer: everything that a lost wake-up could have left behind. */
  readonly sweepParts: readonly SweepPart[];
  /** Waits for messages to webhooks that are under way, for a moment. */
  stop(): Promise<void>;
}

export function createApi(deps: ApiDeps): Api {
  const { config, database, clock, bus, queue, grantKey, webhookKey, jobs, enrolTokens, certificates, health, calls } =
    deps;
  const { mayRemove } = deps;
  const rollouts = new RolloutEngine(database, bus, clock);
  const plans = new PlanWriter(database, jobs);
  const exceptions = new Exceptions(database, bus, clock, grantKey, config.simulation, plans);
  const policies = new Policies(database, exceptions, rollouts);
  const hostsOf: HostsOfRevision = (tx, revisionId) => policies.hostsOf(tx, revisionId);
  rollouts.lateHosts = (tx, revisionId, rolloutId) => policies.lateHostsOf(tx, revisionId, rolloutId);
  const upkeep = new ExceptionUpkeep(database, exceptions);
  const exceptionEnds = new ExceptionEnds(database, rollouts);
  const { simulation } = config;
  const keyRetirement = new KeyRetirement({ database, bus, key: grantKey, simulation, exceptions, plans, rollouts });
  const proposals = new Proposals(database, policies, config.checkInMs, (id) => {
    // A lost wake-up costs time only: the sweep computes what waits.
    queue.add('proposal', id).catch(() => {});
  });
  const { checkInMs } = config;
  const { mayExpire = () => true } = deps;
  const listeningSince = clock.now();
  const labels = new LabelRules(database, bus);
  const visits = new VisitWriter(database);
  const parts = { database, bus, plans, visits, rollouts, labels, key: grantKey };
  const evaluator = new Evaluator({ ...parts, checkInMs, listeningSince });
  const evaluatorLoop = new EvaluatorLoop(evaluator, rollouts, clock, queue, bus);
  const kdkFiles = new KdkFolder(config.kdkDir ?? join(config.stateDir, 'kdks'), (config.kdkDir ?? null) !== null);
  const kdks = new Kdks(database, bus, clock, kdkFiles);
  const kdkInbox = new KdkInbox(config.stateDir, kdks);
  const idempotency = new Idempotency(database);
  const signIn = new SignIn(database);
  const hub = new WatchHub(new EventLog(database), clock, bus, deps.watchTimes);
  const jobEnds = new JobEnds(database, bus, clock);
  const endedTally = new EndedTally(database, clock.now());
  const hostEnds = new HostEnds(database, certificates, jobs, bus, rollouts);
  const relabelled = new RelabelledHosts(database, rollouts);
  const sender = new WebhookSender(database, clock, bus, webhookKey);
  const routes = [
    ...operationRoutes({ database, health, ended: endedTally, signIn, calls }),
    ...watchRoutes(hub),
    ...tokenRoutes(database, () => hub.soon()),
    ...hostRoutes(database, hostEnds),
    ...enrolTokenRoutes(database, enrolTokens),
    ...labelRuleRoutes(database, labels),
    ...placeRoutes(new HostPlaces(database, bus)),
    ...revertRoutes(new Reverts(database, rollouts)),
    ...witnessRoutes(database, new Witnesses(database, bus)),
    ...readinessRoutes(database),
    ...updateRoutes(database),
    ...acceptanceRoutes(database, new UpdateAcceptances(database, bus)),
    ...policyRoutes(database, policies),
    ...explainRoutes(database),
    ...proposalRoutes(database, proposals),
    ...exceptionRoutes(database, exceptions, hostsOf, keyRetirement),
    ...grantKeyRoutes(database, grantKey),
    ...rolloutRoutes(database),
    ...controlRoutes(database, new RolloutControl(database, rollouts)),
    ...jobRoutes(database, jobEnds, clock),
    ...visitRoutes(database, new Visits(database, bus)),
    ...planningRoutes(database, new VisitPlanning(database, bus)),
    ...sheetRoutes(database, config.publicUrl ?? null),
    ...kdkRoutes(database, kdks),
    ...webhookRoutes(database, new Webhooks(database), webhookKey, () => sender.soon()),
    ...auditRoutes(database),
  ];
  return {
    module: ApiModule.with({ routes, signIn, clock, idempotency, beforeClose: () => hub.stop() }),
    routes,
    kdkFiles,
    kdkInbox,
    evaluatorLoop,
    rollouts,
    async start() {
      await kdkFiles.prepare();
      await kdkInbox.prepare();
      await queue.process('proposal', (id) => proposals.compute(id, clock.now()));
      await evaluatorLoop.start();
      sender.start();
    },
    sweepParts: [
      { name: 'repeated requests', run: async (now) => mayRemove(now) && idempotency.purge(now) },
      { name: 'warnings before an end', run: (now) => upkeep.warn(now) },
      { name: 'approvers that are gone', run: (now) => upkeep.endOrphaned(now) },
      { name: 'requests that lapse', run: async (now) => mayExpire(now) && upkeep.lapse(now) },
      { name: 'retired grant keys', run: (now) => keyRetirement.sweepOnce(now, mayExpire(now)) },
      { name: 'ends of exceptions', run: (now) => exceptionEnds.sweepOnce(now, mayExpire(now)) },
      { name: 'retiring hosts', run: (now) => hostEnds.sweepOnce(now) },
      { name: 'old jobs', run: (now) => jobEnds.expire(now) },
      { name: 'cancelled jobs', run: (now) => jobEnds.letGo(now) },
      { name: 'count of ended jobs', run: (now) => endedTally.keepUp(now) },
      { name: 'label rules', run: (now) => labels.sweepOnce(now) },
      { name: 'changed labels', run: (now) => relabelled.sweepOnce(now) },
      { name: 'proposals', run: (now) => proposals.sweepOnce(now, mayRemove(now)) },
      { name: 'rollouts', run: (now) => rollouts.openDue(now) },
      { name: 'states by older rules', run: (now) => evaluator.markOutdated(now) },
      { name: 'evaluator', run: (now) => evaluatorLoop.sweepOnce(now) },
      { name: 'old deliveries', run: async (now) => mayRemove(now) && sender.purge(now) },
      { name: 'webhooks', run: () => sender.look() },
    ],
    async stop() {
      hub.stop();
      evaluatorLoop.stop();
      await sender.stop();
    },
  };
}
