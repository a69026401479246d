import type { Actor } from '../api/api-tokens.ts';
import { toJson } from '../audit/json.ts';
import { uuidv7 } from '../common/ids.ts';
import { logger } from '../common/log.ts';
import { Problem } from '../common/problem.ts';
import type { Database, Tx } from '../db/database.ts';
import { writeAudit } from '../db/database.ts';
import { eachApart } from '../db/each-apart.ts';
import { changeStanding } from '../db/lock-order.ts';
import { loadBatch, loadKdks } from '../evaluator/host-batch.ts';
import type { ExceptionInput } from '../exceptions/exceptions.ts';
import { extraArgsOf } from '../exceptions/grant-check.ts';
import type { AppliedMany, Policies } from '../policies/policies.ts';
import { checkExtraArgs, readQuota } from '../policies/policy-input.ts';
import { resolveSelector } from '../policies/selector.ts';
import { type StandingRevision, standingRevision } from '../policies/standing.ts';
import { checkStrategy } from '../policies/strategy-input.ts';
import { grantsOf } from '../rollouts/intent-flip.ts';
import type { ProposalInput } from './proposal-input.ts';
import { brokenPins, type Pins, type Scope, scopeOf } from './proposal-scope.ts';
import { type ProposedHost, type ProposedIntent, proposeHost } from './proposed-host.ts';
import { summarize } from './summary.ts';

const log = logger('proposals');
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const PROPOSAL_HOURS = 24;
const CHUNK = 200;

const KEPT_DAYS = 30;
/** $1 ended before. What was applied stands in the audit and in its rollouts; a preview holds a row for each Mac, and goes. */
const FORGET = `
  DELETE FROM proposal WHERE id IN (
    SELECT id FROM proposal WHERE expires_at < $1::timestamptz AND state IN ('failed', 'applied', 'expired')
    ORDER BY expires_at LIMIT 20 FOR UPDATE SKIP LOCKED)`;
/** $1 now. */
const EXPIRE = `
  UPDATE proposal SET state = 'expired' WHERE state IN ('computing', 'ready') AND expires_at <= $1::timestamptz`;
const WAITING = `SELECT id::text AS id FROM proposal WHERE state = 'computing'`;

/** Previews of what policies would do to the fleet. Making one changes nothing; applying one does what was shown, or nothing. */
export class Proposals {
  constructor(
    private readonly database: Database,
    private readonly policies: Policies,
    private readonly checkInMs: number,
    /** After commit: the proposal waits to be computed. */
    private readonly wake: (id: string) => void,
  ) {}

  async create(input: ProposalInput, actor: Actor, now: Date): Promise<string> {
    const { siteId } = this.database;
    const id = uuidv7(now.getTime());
    await this.database.transaction(async (tx) => {
      // A request that cannot be computed is refused at once.
      await this.proposedRevision(tx, input, id);
      const expiresAt = new Date(now.getTime() + PROPOSAL_HOURS * HOUR_MS);
      const row = { id, siteId, state: 'computing', createdBy: actor.name, createdAt: now, expiresAt };
      await tx.proposal.create({ data: { ...row, request: toJson(input) } });
      await writeAudit(tx, {
        actor: actor.name,
        action: 'proposal.create',
        entity: 'proposal',
        entityId: id,
        after: toJson({ policyId: input.policyId }),
        at: now,
        siteId,
      });
    });
    this.wake(id);
    return id;
  }

  /** Computes what waits, and ends what is too old. A lost wake-up costs time only. While the clock is not trusted nothing is removed. */
  async sweepOnce(now: Date, mayRemove: boolean): Promise<void> {
    await this.database.look(EXPIRE, now);
    if (mayRemove) await this.database.look(FORGET, new Date(now.getTime() - KEPT_DAYS * DAY_MS));
    const waiting = await this.database.look<{ id: string }>(WAITING);
    await eachApart(
      waiting,
      ({ id }) => id,
      ({ id }) => this.compute(id, now),
    );
  }

  /** Run twice, it ends the same. */
  async compute(id: string, now: Date): Promise<void> {
    const { prisma } = this.database;
    const row = await prisma.proposal.findUnique({ where: { id } });
    if (row === null || row.state !== 'computing') return;
    try {
      const proposed = await this.proposedRevision(prisma, row.request as unknown as ProposalInput, id);
      const scope = await scopeOf(prisma, proposed);
      const hosts = await this.computeHosts(scope, now);
      await this.database.transaction((tx) => this.keep(tx, id, scope, hosts, now));
    } catch (error) {
      log(`proposal ${id} failed: ${(error as Error).stack ?? String(error)}`);
      const problem = error instanceof Problem ? error.detail : 'The log of the controller has the cause.';
      await prisma.proposal.updateMany({ where: { id, state: 'computing' }, data: { state: 'failed', problem } });
    }
  }

  /** Does exactly what was shown: a pin that changed, or more than 1 % of the Macs moved, is refused with what changed. */
  async apply(id: string, exception: ExceptionInput | undefined, actor: Actor, now: Date): Promise<AppliedMany> {
    const { prisma } = this.database;
    const row = await prisma.proposal.findUnique({ where: { id } });
    if (row === null) throw new Problem('NOT_FOUND', `There is no proposal ${id}.`);
    requireReady(row, now);
    const input = row.request as unknown as ProposalInput;
    const guard = async (tx: Tx) => this.hold(tx, id, input, actor, now);
    const shown = { hostId: true, revisionId: true };
    const changed = await prisma.proposalHost.findMany({ where: { proposalId: id }, select: shown });
    if (changed.length === 0) {
      await changeStanding(this.database, guard);
      return { outcomes: [], letGo: [] };
    }
    if (input.policyId === null) {
      const revisionIds = [...new Set(changed.flatMap(({ revisionId }) => revisionId ?? []))];
      const letGoOf = await this.lettingGo(
        changed.map(({ hostId }) => hostId),
        revisionIds,
      );
      return this.policies.applyPresent(revisionIds, letGoOf, exception, actor, now, guard);
    }
    const outcome =
      input.revision === null
        ? await this.policies.apply(input.policyId, exception, actor, now, null, guard)
        : await this.policies.revise(
            input.policyId,
            { ...input.revision, exception, apply: true },
            actor,
            now,
            null,
            guard,
          );
    return { outcomes: [outcome], letGo: [] };
  }

  /** Policies that hold some of these Macs by their intent, and are not among those that are applied. */
  private async lettingGo(hostIds: readonly string[], applied: readonly string[]): Promise<readonly string[]> {
    const rows = await this.database.prisma.$queryRaw<{ policyId: string }[]>`
      SELECT DISTINCT p.policy_id::text AS "policyId" FROM intent i JOIN policy_revision p ON p.id = i.revision_id
      WHERE i.host_id = ANY(${[...hostIds]}::uuid[])
        AND p.policy_id NOT IN (SELECT policy_id FROM policy_revision WHERE id = ANY(${[...applied]}::uuid[]))
      ORDER BY 1`;
    return rows.map(({ policyId }) => policyId);
  }

  /** In the transaction that applies, alone with standing: nothing moves between check and change. */
  private async hold(tx: Tx, id: string, input: ProposalInput, actor: Actor, now: Date): Promise<void> {
    const row = await tx.proposal.findUniqueOrThrow({ where: { id } });
    requireReady(row, now);
    const { state, pins } = row;
    const present = await scopeOf(tx, await this.proposedRevision(tx, input, id));
    const changed = brokenPins(pins as unknown as Pins, present.pins);
    if (changed.length > 0) throw new Problem('PROPOSAL_OUTDATED', changed.join(' '), { changed });
    await tx.proposal.update({ where: { id }, data: { state: 'applied', appliedAt: now } });
    await writeAudit(tx, {
      actor: actor.name,
      action: 'proposal.apply',
      entity: 'proposal',
      entityId: id,
      before: { state },
      after: { state: 'applied' },
      at: now,
      siteId: this.database.siteId,
    });
  }

  /** All of it or nothing, and once: whoever computed the same beside us finds it ready. */
  private async keep(
    tx: Tx,
    proposalId: string,
    { pins, unknown, changes }: Scope,
    hosts: readonly ProposedHost[],
    now: Date,
  ) {
    const [mine] = await tx.$queryRaw<object[]>`
      SELECT 1 FROM proposal WHERE id = ${proposalId}::uuid AND state = 'computing' FOR UPDATE`;
    if (mine === undefined) return;
    const { siteId } = this.database;
    for (let start = 0; start < hosts.length; start += CHUNK)
      await tx.proposalHost.createMany({
        data: hosts.slice(start, start + CHUNK).map((view) => ({
          proposalId,
          hostId: view.hostId,
          siteId,
          revisionId: changes.get(view.hostId)?.revisionId ?? null,
          view: toJson(view),
        })),
      });
    const summary = toJson(summarize(hosts, unknown));
    await tx.proposal.update({
      where: { id: proposalId },
      data: { state: 'ready', readyAt: now, pins: toJson(pins), summary },
    });
  }

  private async computeHosts({ changes }: Scope, now: Date): Promise<readonly ProposedHost[]> {
    const { prisma, fleetId } = this.database;
    const context = { fleetId, checkInMs: this.checkInMs, kdks: await loadKdks(prisma), now };
    const ids = [...changes.keys()];
    const hosts: ProposedHost[] = [];
    for (let start = 0; start < ids.length; start += CHUNK) {
      const some = ids.slice(start, start + CHUNK);
      const granted = await grantedWords(prisma, some, changes, now);
      for (const input of await loadBatch(prisma, some, now)) {
        const proposed = changes.get(input.hostId);
        if (proposed === undefined) continue;
        hosts.push(proposeHost(input, proposed, granted.get(input.hostId) ?? null, context));
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    return hosts;
  }

  /** The revision in question; one that is only proposed has the proposal's id until it is made. Null = the present policies. */
  private async proposedRevision(tx: Tx, input: ProposalInput, proposalId: string): Promise<StandingRevision | null> {
    const { policyId, revision } = input;
    if (policyId === null) return null;
    const newest = await tx.policyRevision.findFirst({
      where: { policyId, policy: { archivedAt: null } },
      orderBy: { number: 'desc' },
      include: { policy: true },
    });
    if (newest === null) throw new Problem('NOT_FOUND', `There is no policy ${policyId}.`);
    if (revision === null) return standingRevision(newest);
    checkStrategy(revision.strategy);
    return {
      id: proposalId,
      policyId,
      policy: newest.policy.name,
      number: newest.number + 1,
      priority: revision.priority,
      quota: readQuota(revision.quota),
      extraArgs: checkExtraArgs(revision.extraArgs),
      selector: await resolveSelector(tx, revision.selector),
    };
  }
}

function requireReady({ state, expiresAt }: { readonly state: string; readonly expiresAt: Date }, now: Date): void {
  if (state !== 'ready') throw new Problem('PROPOSAL_OUTDATED', `The proposal is ${state}.`, { changed: [state] });
  if (expiresAt <= now)
    throw new Problem('PROPOSAL_OUTDATED', `The proposal expired at ${expiresAt.toISOString()}.`, {
      changed: ['expired'],
    });
}

/** Hosts that a valid grant of their proposed revision names, with the words that it names for them. */
async function grantedWords(
  tx: Tx,
  hostIds: readonly string[],
  changes: ReadonlyMap<string, ProposedIntent>,
  now: Date,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const revisionIds = new Set(hostIds.flatMap((id) => changes.get(id)?.revisionId ?? []));
  const found = new Map<string, string>();
  for (const revisionId of revisionIds) {
    const mine = hostIds.filter((id) => changes.get(id)?.revisionId === revisionId);
    for (const [hostId, grantId] of await grantsOf(tx, revisionId, mine, now)) found.set(hostId, grantId);
  }
  const grants = await tx.grant.findMany({ where: { id: { in: [...new Set(found.values())] } } });
  const words = new Map(grants.map(({ id, payload }) => [id, extraArgsOf(payload)]));
  return new Map([...found].map(([hostId, grantId]) => [hostId, words.get(grantId) ?? []]));
}
