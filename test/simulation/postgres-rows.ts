/**
 * What a controller keeps, in a real Postgres, as the rows that the model works on, and such rows put there: so that both can be asked the
 * same, and one watch looks at either. Jobs stay out: their model is held to the real store in a way of its own.
 */
import type { Facts, HostState, Presence, RolloutState, RolloutStrategy, TargetState, VisitKind } from '@headroom/core';
import { toJson } from '../../apps/controller/src/audit/json.ts';
import type { Tx } from '../../apps/controller/src/db/database.ts';
import type { Selector } from '../../apps/controller/src/policies/selector.ts';
import type { HostRow, Rows } from './rows.ts';

const AT = new Date(0);

export async function loadRows(tx: Tx): Promise<Rows> {
  const byId = { orderBy: { id: 'asc' } } as const;
  const byHost = { orderBy: { hostId: 'asc' } } as const;
  const hosts = await readHosts(tx);
  const revisions = await tx.policyRevision.findMany(byId);
  const rollouts = await tx.rollout.findMany(byId);
  const targets = await tx.rolloutTarget.findMany({ orderBy: [{ rolloutId: 'asc' }, { hostId: 'asc' }] });
  const visits = await tx.visit.findMany(byId);
  const plans = await tx.plan.findMany(byId);
  const exceptions = await tx.riskException.findMany(byId);
  return {
    hosts: hosts.map(hostRow),
    intents: await tx.intent.findMany({ ...byHost, omit: { siteId: true, setAt: true } }),
    policies: await tx.policy.findMany({ ...byId, omit: { siteId: true, createdAt: true } }),
    revisions: revisions.map(({ siteId: _site, createdBy: _by, createdAt: _at, selector, strategy, ...row }) => ({
      ...row,
      selector: selector as unknown as Selector,
      strategy: strategy as unknown as RolloutStrategy | null,
    })),
    exceptions: exceptions.map((row) =>
      only(row, 'id', 'policyRevisionId', 'purpose', 'awaitsApproval', 'expiresAt', 'revokedAt', 'endedAt'),
    ),
    grants: await tx.grant.findMany({ ...byId, omit: { siteId: true, createdAt: true } }),
    rollouts: rollouts.map(({ siteId: _site, state, strategy, ...row }) => ({
      ...row,
      state: state as RolloutState,
      strategy: strategy as unknown as RolloutStrategy | null,
    })),
    targets: targets.map(({ siteId: _site, state, notedAt, ...row }) => ({
      ...row,
      state: state as TargetState,
      notedAt: notedAt ?? AT,
    })),
    plans: plans.map((row) => only(row, 'id', 'hostId', 'generation', 'intentNumber', 'bytes', 'grantId', 'state')),
    jobs: [],
    visits: visits.map(({ kind, ...row }) => ({
      ...only(row, 'id', 'hostId', 'state', 'code', 'quota', 'bootArgs', 'kcMd5', 'expiresAt', 'createdAt', 'openedAt'),
      kind: kind as VisitKind,
    })),
    witnesses: await tx.witness.findMany({ ...byId, omit: { siteId: true } }),
  };
}

function only<Row, Name extends keyof Row>(row: Row, ...names: readonly Name[]): Pick<Row, Name> {
  return Object.fromEntries(names.map((name) => [name, row[name]])) as Pick<Row, Name>;
}

function readHosts(tx: Tx) {
  return tx.host.findMany({
    orderBy: { id: 'asc' },
    include: { labels: true, report: true, state: true, place: true },
  });
}

type StoredHost = Awaited<ReturnType<typeof readHosts>>[number];

function hostRow({ id, hardwareUuid, relabelledAt, labels, place, report, state }: StoredHost): HostRow {
  if (report === null || state === null) throw new Error(`host ${id} has no report or no state`);
  const { sessionNumber, bootOrdinal, sequence, capabilities, factsSha256, lastSeenAt, generation } = report;
  const { bootSessionId, bootFirstSeenAt } = report;
  const { stateSince, findings, record, dueAt, reviewAt, evaluatedAt } = state;
  return {
    ...{ id, hardwareUuid, relabelledAt, retiredAt: null, location: place?.location ?? null },
    labels: labels.map(({ label }) => label).sort(),
    report: {
      ...{ sessionNumber, bootOrdinal, sequence, capabilities, factsSha256, lastSeenAt, generation },
      ...{ bootSessionId, bootFirstSeenAt, facts: report.facts as unknown as Facts | null },
    },
    state: {
      ...{ state: state.state as HostState, presence: state.presence as Presence },
      findings: findings as unknown as HostRow['state']['findings'],
      ...{ stateSince, record: record as object, dueAt, reviewAt, evaluatedAt },
    },
  };
}

/** Into an empty database. */
export async function storeRows(tx: Tx, siteId: string, rows: Rows): Promise<void> {
  const made = { siteId, createdAt: AT };
  await storeHosts(tx, siteId, rows.hosts);
  await tx.intent.createMany({
    data: rows.intents.map(({ extraArgs, ...row }) => ({ ...row, siteId, setAt: AT, extraArgs: [...extraArgs] })),
  });
  await tx.policy.createMany({ data: rows.policies.map((row) => ({ ...row, ...made })) });
  await tx.policyRevision.createMany({
    data: rows.revisions.map(({ extraArgs, selector, strategy, ...row }) => ({
      ...{ ...row, ...made, createdBy: 'test', extraArgs: [...extraArgs], selector: toJson(selector) },
      ...(strategy !== null && { strategy: toJson(strategy) }),
    })),
  });
  const signed = { reason: '', clauseVersion: '', shownTextSha256: '', approvals: 'self', approver: 'anna' };
  await tx.riskException.createMany({ data: rows.exceptions.map((row) => ({ ...row, ...made, ...signed })) });
  await tx.grant.createMany({ data: rows.grants.map((row) => ({ ...row, ...made })) });
  await tx.rollout.createMany({
    data: rows.rollouts.map(({ strategy, gatesOpened, ...row }) => ({
      ...{ ...row, siteId, gatesOpened: [...gatesOpened] },
      ...(strategy !== null && { strategy: toJson(strategy) }),
    })),
  });
  await tx.rolloutTarget.createMany({ data: rows.targets.map((row) => ({ ...row, siteId })) });
  await tx.plan.createMany({
    data: rows.plans.map(({ bytes, grantId = null, ...row }) => ({
      ...{ ...row, ...made, grantId, bytes: Buffer.from(bytes), signature: Buffer.alloc(0) },
    })),
  });
  await tx.visit.createMany({ data: rows.visits.map((row) => ({ ...row, siteId, reason: '' })) });
  await tx.witness.createMany({ data: rows.witnesses.map((row) => ({ ...row, siteId })) });
}

async function storeHosts(tx: Tx, siteId: string, hosts: readonly HostRow[]): Promise<void> {
  await tx.host.createMany({
    data: hosts.map(({ id, hardwareUuid, relabelledAt }) => ({
      ...{ id, siteId, hardwareUuid, relabelledAt, name: id, simulated: true, enrolledAt: AT },
    })),
  });
  await tx.hostLabel.createMany({
    data: hosts.flatMap(({ id: hostId, labels }) => labels.map((label) => ({ hostId, siteId, label }))),
  });
  await tx.hostPlace.createMany({
    data: hosts.map(({ id: hostId, location }) => ({ hostId, siteId, location, updatedAt: AT, updatedBy: 'test' })),
  });
  await tx.hostReport.createMany({
    data: hosts.map(({ id: hostId, report: { facts, capabilities, ...report } }) => ({
      ...{ ...report, hostId, siteId, capabilities: [...capabilities] },
      ...(facts !== null && { facts: toJson(facts) }),
    })),
  });
  await tx.hostState.createMany({
    data: hosts.map(({ id: hostId, state: { findings, record, ...state } }) => ({
      ...{ ...state, hostId, siteId, findings: toJson(findings), record: toJson(record) },
    })),
  });
}
