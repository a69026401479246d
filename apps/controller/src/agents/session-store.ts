/**
 * Sessions of agents: each new one has a higher number and fences the older ones, which exposes clones. An agent that was given a
 * higher number, or has seen a higher plan generation, than we know (our database was restored) makes us move past it.
 */
import { COUNTER_MAX } from '@headroom/core';
import type { OpenSessionRequest } from '@headroom/proto';
import { Clock } from '../common/clock.ts';
import { logger } from '../common/log.ts';
import { Problem } from '../common/problem.ts';
import { Database, type Tx, writeAudit } from '../db/database.ts';
import { markDue, writeHostEvent } from '../db/host-events.ts';
import { JobStore } from '../jobs/job-store.ts';
import type { Caller } from './caller.ts';
import { CloneWatch, type MacHint } from './clone-watch.ts';
import { HostCertificates } from './host-certificates.ts';
import { type LockedReport, lockHost } from './host-lock.ts';
import { ReportStore } from './report-store.ts';

const log = logger('agents');

export interface OpenedSession {
  readonly sessionNumber: bigint;
  /** true = the host was marked due: publish it after commit. */
  readonly due: boolean;
  /** Older certificates of this host, which the new one has replaced: announce them after commit. */
  readonly revoked: readonly string[];
}

export class SessionStore {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly reports: ReportStore,
    private readonly jobs: JobStore,
    private readonly certificates: HostCertificates,
    private readonly clones: CloneWatch,
  ) {}

  open(caller: Caller, request: OpenSessionRequest): Promise<OpenedSession> {
    const { hostId, serial } = caller;
    return this.database.transaction(async (tx) => {
      const report = await lockHost(tx, hostId);
      if (report === null) throw new Problem('HOST_UNKNOWN', `host ${hostId} is not enrolled`);
      const sessionNumber = nextSession(report.sessionNumber, request.highestSession, this.clock.now());
      const shown = believed(request.highestGeneration);
      await this.writeReport(tx, report, sessionNumber, request);
      // An agent that could not read it says nothing; its facts say why.
      const rebooted = request.bootSessionId !== '' && (await this.reports.noteBoot(tx, report, request.bootSessionId));
      const replaced = await this.moveGeneration(tx, report, shown);
      const cloned = await this.clones.noteSession(tx, caller, hintOf(caller, request));
      const retold = !sameKinds(report.capabilities, request.capabilities);
      const due = rebooted || replaced || cloned || retold || report.presence !== 'online';
      if (due) await markDue(tx, [hostId], this.clock.now());
      await this.record(tx, report, sessionNumber, caller, request);
      const actor = `host:${hostId}`;
      const revoked = await this.certificates.revokeOlder(tx, { hostId, actor, reason: 'renewed' }, serial);
      return { sessionNumber, due, revoked };
    });
  }

  /** Positions start anew in each session. */
  private async writeReport(
    tx: Tx,
    report: LockedReport,
    sessionNumber: bigint,
    request: OpenSessionRequest,
  ): Promise<void> {
    const { agentVersion, capabilities, bootOrdinal } = request;
    const lastSeenAt = this.clock.now();
    await tx.hostReport.update({
      where: { hostId: report.hostId },
      data: { sessionNumber, bootOrdinal, sequence: 0n, agentVersion, capabilities, lastSeenAt },
    });
  }

  /** The agent would decline a plan older than it has seen: such a plan is replaced, under a generation past the agent's. */
  private async moveGeneration(tx: Tx, { hostId, generation }: LockedReport, highest: bigint): Promise<boolean> {
    if (highest > generation) await tx.hostReport.update({ where: { hostId }, data: { generation: highest } });
    const at = this.clock.now();
    const actor = `host:${hostId}`;
    const old = await tx.plan.findFirst({
      where: { hostId, state: 'open', generation: { lt: highest } },
      select: { id: true, generation: true },
    });
    if (old === null) return false;
    const reason = `the agent has seen generation ${highest}`;
    await this.jobs.cancelOpen(tx, { hostId, lane: 'plan', actor, reason });
    await tx.plan.update({ where: { id: old.id }, data: { state: 'superseded', endedAt: at } });
    await writeAudit(tx, {
      actor,
      action: 'plan.supersede',
      entity: 'plan',
      entityId: old.id,
      before: { state: 'open', generation: String(old.generation) },
      after: { state: 'superseded', reason },
      at,
      siteId: this.database.siteId,
    });
    return true;
  }

  private async record(
    tx: Tx,
    report: LockedReport,
    sessionNumber: bigint,
    caller: Caller,
    request: OpenSessionRequest,
  ): Promise<void> {
    const { hostId } = report;
    const { siteId } = this.database;
    const at = this.clock.now();
    const { bootOrdinal, highestSession } = request;
    const passed = highestSession > report.sessionNumber ? { passedSession: String(highestSession) } : {};
    const ignored = ignoredGeneration(hostId, request);
    const detail = {
      sessionNumber: String(sessionNumber),
      bootOrdinal,
      ...passed,
      ...ignored,
      ...hintOf(caller, request),
    };
    await writeHostEvent(tx, { siteId, hostId, at, kind: 'session', detail });
    await writeAudit(tx, {
      actor: `host:${hostId}`,
      action: 'session.open',
      entity: 'host',
      entityId: hostId,
      before: { sessionNumber: String(report.sessionNumber) },
      after: detail,
      at,
      siteId,
    });
  }
}

/** After a restore, what other holders of the identity (a clone) were given since is not known: so far nobody has come. */
const LEAP = 1_000n;
/**
 * Above this nobody's word counts: the numbers that are left must last, and a plan says its own in JSON. Only the host itself could be
 * locked out by it: an agent that holds to such a generation declines each plan with PLAN_OLD_GENERATION, whose remedy is for it.
 */
const SHOWN_MAX = BigInt(COUNTER_MAX);

/** 0 = as if it had shown none. */
function believed(shownGeneration: bigint): bigint {
  return shownGeneration <= SHOWN_MAX ? shownGeneration : 0n;
}

function ignoredGeneration(hostId: string, { highestGeneration }: OpenSessionRequest): { ignoredGeneration?: string } {
  if (believed(highestGeneration) === highestGeneration) return {};
  log(`host ${hostId} shows the plan generation ${highestGeneration}, which no controller gave: ignored`);
  return { ignoredGeneration: String(highestGeneration) };
}

/**
 * `known` = the last number in the database, `shown` = the highest that the agent says it was given; 0 = it does not say. The seconds of
 * the clock are the least: an agent that was given nothing in the time that a restore lost shows nothing of it, and a clone was perhaps
 * given the number that would be next.
 */
export function nextSession(known: bigint, shown: bigint, now: Date): bigint {
  const next = shown > known && shown <= SHOWN_MAX ? shown + LEAP : known + 1n;
  const second = BigInt(Math.floor(now.getTime() / 1000));
  return next > second ? next : second;
}

/** What tells two Macs with one identity apart. */
export function hintOf({ address }: Caller, request: OpenSessionRequest): MacHint {
  const { hostUuid, bootSessionId, agentVersion } = request;
  return { hardwareUuid: hostUuid.toUpperCase(), bootSessionId: bootSessionId.toUpperCase(), agentVersion, address };
}

function sameKinds(before: readonly string[], now: readonly string[]): boolean {
  return before.length === now.length && now.every((kind) => before.includes(kind));
}
