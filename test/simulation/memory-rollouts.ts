/** What the statements of rollouts, and of the labels that lead to them, say: over rows in memory. */
import { ANY, CLAIM, LEAVE_WAITING } from '../../apps/controller/src/policies/relabelled.ts';
import * as sql from '../../apps/controller/src/rollouts/rollout-sql.ts';
import { TAKEN_BACK } from '../../apps/controller/src/rollouts/taken-back.ts';
import {
  byHost,
  byId,
  type HostRow,
  hostOf,
  type IntentRow,
  intentOf,
  isOpenVisit,
  type Rows,
  type TargetRow,
  timeOf,
} from './rows.ts';

export type Query = (...values: never[]) => unknown;

const WAITING_FOR_PEOPLE = ['waiting_for_confirmation', 'paused', 'halted'];
const LIVE = ['running', ...WAITING_FOR_PEOPLE];
/** Called before intents flip, with the Macs whose turn it is. */
export type OnFlip = (rolloutId: string, hostIds: readonly string[]) => void;

interface Flip {
  readonly host_id: string;
  readonly grant_id: string | null;
}

export function rolloutQueries(rows: Rows, onFlip: OnFlip): [string, Query][] {
  return [...reads(rows), ...writes(rows, onFlip), ...labelQueries(rows)];
}

function reads(rows: Rows): [string, Query][] {
  const running = (id: string) => rows.rollouts.filter((one) => one.id === id && one.state === 'running');
  return [
    [
      sql.DUE_ROLLOUTS,
      (now: Date) =>
        byId(
          rows.rollouts.filter(
            (one) => one.state === 'running' && isDue(rows, one.id, one.decidedAt, one.reviewAt, now),
          ),
        ),
    ],
    [
      sql.NEWEST_ROLLOUT,
      () =>
        byId(rows.rollouts)
          .slice(-1)
          .map(({ id }) => ({ id })),
    ],
    [sql.LOCK_ROLLOUT, running],
    [sql.AWAIT_ROLLOUT, running],
    [sql.LOCK_STATES, () => []],
    [sql.LOCK_LIVE, () => []],
    [
      sql.STILL_PENDING,
      (id: string, hostIds: string[]) =>
        byHost(
          rows.targets.filter((one) => one.rolloutId === id && one.state === 'pending' && hostIds.includes(one.hostId)),
        ),
    ],
    [
      sql.COUNTED_TARGETS,
      (id: string, countsKdks: boolean, stock: number) =>
        rows.targets.filter((one) => one.rolloutId === id).map((one) => counted(rows, one, countsKdks, stock)),
    ],
    [
      sql.NOTABLE_TARGETS,
      (hostIds: string[]) =>
        rows.targets
          .filter(({ hostId, state }) => hostIds.includes(hostId) && ['opened', 'stuck', 'failed'].includes(state))
          .map((one) => {
            const strategy = rolloutOf(rows, one)?.strategy;
            const countsKdks = (strategy?.concurrency.perKdk ?? null) !== null;
            return { ...one, success: strategy?.success ?? 'raised', countsKdks };
          }),
    ],
    [
      sql.IN_ANOTHER,
      (hostIds: string[], rolloutId: string) =>
        hostIds
          .filter((hostId) => hasNewer(rows, { hostId, rolloutId }) || hasTurnBefore(rows, { hostId, rolloutId }))
          .map((hostId) => ({ hostId })),
    ],
    [
      TAKEN_BACK,
      (hostIds: string[]) => hostIds.filter((hostId) => isTakenBack(rows, hostId)).map((hostId) => ({ hostId })),
    ],
  ];
}

function writes(rows: Rows, onFlip: OnFlip): [string, Query][] {
  const supersede = (targets: readonly TargetRow[], reason: string, now: Date) => {
    for (const one of targets) Object.assign(one, { state: 'superseded', reason, endedAt: now, notedAt: now });
  };
  const older = (id: string, hostIds: readonly string[]) =>
    rows.targets.filter(
      (one) =>
        one.rolloutId < id &&
        hostIds.includes(one.hostId) &&
        (['pending', 'opened', 'stuck'].includes(one.state) ||
          (one.state === 'failed' && LIVE.includes(rolloutOf(rows, one)?.state ?? ''))),
    );
  const of = (id: string, ...states: readonly string[]) =>
    rows.targets.filter((one) => one.rolloutId === id && states.includes(one.state));
  return [
    [
      sql.ADD_TARGETS,
      (json: string, rolloutId: string, _site: string, state: 'pending', reason: string | null, now: Date) => {
        for (const { host_id: hostId, ring } of JSON.parse(json) as { host_id: string; ring: number }[])
          if (!rows.targets.some((one) => one.rolloutId === rolloutId && one.hostId === hostId))
            rows.targets.push({ rolloutId, hostId, ring, state, reason, openedAt: null, endedAt: null, notedAt: now });
      },
    ],
    [
      sql.SUPERSEDE_OLDER,
      (hostIds: string[], id: string, reason: string, now: Date) => supersede(older(id, hostIds), reason, now),
    ],
    [
      sql.YIELD_TO_NEWER,
      (id: string, reason: string, now: Date) =>
        supersede(
          of(id, 'pending').filter((one) => hasNewer(rows, one)),
          reason,
          now,
        ),
    ],
    [
      sql.RETRY_TARGETS,
      (id: string, now: Date) => {
        const mine = of(id, 'failed', 'stuck').filter((one) => !hasNewer(rows, one));
        for (const one of mine)
          Object.assign(one, { state: 'pending', reason: null, openedAt: null, endedAt: null, notedAt: now });
        return mine.length;
      },
    ],
    [sql.END_EMPTIED, (now: Date) => endEmptied(rows, now)],
    [
      sql.MARK_STUCK,
      (id: string, json: string, now: Date) => {
        for (const { host_id, reason } of JSON.parse(json) as { host_id: string; reason: string }[])
          for (const one of of(id, 'opened'))
            if (one.hostId === host_id) Object.assign(one, { state: 'stuck', reason, endedAt: now, notedAt: now });
      },
    ],
    [
      sql.NOTE_TARGETS,
      (json: string, now: Date) => {
        for (const { rollout_id, host_id, state, reason, moves } of JSON.parse(json))
          for (const one of rows.targets)
            if (one.rolloutId === rollout_id && one.hostId === host_id && takesNote(one, state))
              Object.assign(one, {
                state,
                reason,
                endedAt: state === 'opened' ? null : now,
                ...(moves && { notedAt: now }),
              });
      },
    ],
    [
      sql.FLIP_INTENTS,
      (json: string, _site: string, revisionId: string, quota: number, extraArgs: string[], rolloutId: string) => {
        const flips = JSON.parse(json) as Flip[];
        onFlip(
          rolloutId,
          flips.map(({ host_id }) => host_id),
        );
        return flips.map(({ host_id: hostId, grant_id: grantId }) => {
          const { number } = flip(rows, hostId, { revisionId, quota, extraArgs, grantId, rolloutId });
          return { hostId, number };
        });
      },
    ],
  ];
}

function labelQueries(rows: Rows): [string, Query][] {
  const waiting = (hostId: string) =>
    rows.targets.flatMap((one) => {
      const rollout = one.hostId === hostId && one.state === 'pending' ? rolloutOf(rows, one) : undefined;
      return rollout !== undefined && LIVE.includes(rollout.state) ? [{ target: one, rollout }] : [];
    });
  const relabelled = () => rows.hosts.filter(({ relabelledAt }) => relabelledAt !== null);
  return [
    [ANY, () => relabelled().slice(0, 1)],
    [
      CLAIM,
      (most: number) =>
        byId(relabelled())
          .slice(0, most)
          .map(({ id: hostId }) => {
            const revisionId = intentOf(rows, hostId)?.revisionId ?? null;
            const policyId = rows.revisions.find(({ id }) => id === revisionId)?.policyId ?? null;
            return { hostId, policyId, revisionId, waitsFor: waiting(hostId).map(({ rollout }) => rollout.revisionId) };
          }),
    ],
    [
      LEAVE_WAITING,
      (hostIds: string[], revisionId: string | null, reason: string, now: Date, actor: string) =>
        hostIds.flatMap((hostId) =>
          waiting(hostId)
            .filter(({ rollout }) => rollout.revisionId !== revisionId)
            .filter(({ rollout }) => rollout.revisionId !== null || rollout.createdBy === actor)
            .map(({ target, rollout }) => {
              Object.assign(target, { state: 'skipped', reason, endedAt: now, notedAt: now });
              return { hostId, rolloutId: rollout.id };
            }),
        ),
    ],
  ];
}

function isDue({ targets }: Rows, id: string, decidedAt: Date | null, reviewAt: Date | null, now: Date): boolean {
  if (decidedAt === null || reviewAt === null || reviewAt <= now) return true;
  return targets.some(({ rolloutId, notedAt }) => rolloutId === id && notedAt >= decidedAt);
}

function counted(rows: Rows, target: TargetRow, countsKdks: boolean, stock: number) {
  const { hostId, state, openedAt } = target;
  const host = hostOf(rows, hostId);
  const visit = state === 'opened' ? rows.visits.find((one) => one.hostId === hostId && isOpenVisit(one)) : undefined;
  const rollout = rolloutOf(rows, target);
  const isRaise = rows.revisions.some(({ id, quota }) => id === rollout?.revisionId && quota > stock);
  const waitsForGuests = isRaise && host.state.state === 'raised' && rollout?.strategy?.success === 'witnessed';
  const mayFetch = countsKdks && isRaise && (state === 'pending' || state === 'opened');
  const since = visit === undefined ? host.state.stateSince : visit.createdAt;
  return {
    ...target,
    site: host.location ?? '',
    kdkBuild: mayFetch ? kdkToFetch(host) : null,
    phase: visit !== undefined ? 'visit' : waitsForGuests ? 'witness' : 'work',
    phaseSince: new Date(Math.max(timeOf(openedAt), timeOf(since))),
  };
}

function kdkToFetch({ report: { facts } }: HostRow): string | null {
  const build = facts?.os.baseBuild ?? null;
  const hasKdk = (facts?.kdks ?? []).some((kdk) => kdk.build === build && kdk.complete);
  return hasKdk || (facts?.kernelCollections ?? []).some((kc) => kc.build === build) ? null : build;
}

function hasTurnBefore(rows: Rows, { hostId, rolloutId }: Pick<TargetRow, 'hostId' | 'rolloutId'>): boolean {
  return rows.targets.some(
    (one) =>
      one.hostId === hostId &&
      one.rolloutId < rolloutId &&
      one.state === 'pending' &&
      LIVE.includes(rolloutOf(rows, one)?.state ?? ''),
  );
}

/** A newer rollout, which no person took this Mac out of, is or was for it. */
export function hasNewer({ targets }: Rows, { hostId, rolloutId }: Pick<TargetRow, 'hostId' | 'rolloutId'>): boolean {
  return targets.some(
    (one) =>
      one.hostId === hostId && one.rolloutId > rolloutId && one.state !== 'superseded' && one.state !== 'skipped',
  );
}

function endEmptied(rows: Rows, now: Date) {
  const isLeft = ({ state }: TargetRow) => state === 'pending' || state === 'opened';
  const wasTaken = ({ state, notedAt }: TargetRow) =>
    (state === 'superseded' || state === 'skipped') && notedAt.getTime() === now.getTime();
  return rows.rollouts.filter((rollout) => {
    const mine = rows.targets.filter(({ rolloutId }) => rolloutId === rollout.id);
    if (!WAITING_FOR_PEOPLE.includes(rollout.state) || mine.some(isLeft) || !mine.some(wasTaken)) return false;
    const isOut = ({ state }: TargetRow) => state === 'superseded' || state === 'skipped';
    Object.assign(rollout, {
      state: mine.every(isOut) ? 'superseded' : 'finished',
      stateReason: null,
      finishedAt: now,
    });
    return true;
  });
}

/** A Mac that was given up may still come through. */
function takesNote({ state }: TargetRow, next: string): boolean {
  return state === 'opened' || ((state === 'stuck' || state === 'failed') && next === 'succeeded');
}

function flip(rows: Rows, hostId: string, wanted: Omit<IntentRow, 'hostId' | 'number'>): IntentRow {
  const known = intentOf(rows, hostId);
  if (known !== undefined) return Object.assign(known, wanted, { number: known.number + 1 });
  const first = { hostId, number: 1, ...wanted };
  rows.intents.push(first);
  return first;
}

function isTakenBack(rows: Rows, hostId: string): boolean {
  const isWord = (rolloutId: string | null) =>
    rows.rollouts.some(({ id, revisionId, title }) => id === rolloutId && revisionId === null && title !== null);
  return (
    isWord(intentOf(rows, hostId)?.rolloutId ?? null) ||
    rows.targets.some(
      (one) =>
        one.hostId === hostId &&
        one.state === 'pending' &&
        isWord(one.rolloutId) &&
        LIVE.includes(rolloutOf(rows, one)?.state ?? ''),
    )
  );
}

function rolloutOf({ rollouts }: Rows, { rolloutId }: TargetRow) {
  return rollouts.find(({ id }) => id === rolloutId);
}
