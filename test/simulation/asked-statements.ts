/** What the services ask of the database about rollouts, policies, exceptions and witnesses: each with values drawn for the tables at hand. */
import { AT_ONCE, QUOTA_STOCK, type RolloutStrategy, TARGET_STATES } from '@headroom/core';
import type { Actor } from '../../apps/controller/src/api/api-tokens.ts';
import { InProcessBus } from '../../apps/controller/src/bus/bus.ts';
import { SystemClock } from '../../apps/controller/src/common/clock.ts';
import type { Database, Tx } from '../../apps/controller/src/db/database.ts';
import { NEWEST_WITNESSES, STORE_WITNESSED } from '../../apps/controller/src/evaluator/evaluator-sql.ts';
import type { Exceptions } from '../../apps/controller/src/exceptions/exceptions.ts';
import * as work from '../../apps/controller/src/exceptions/relying-work.ts';
import { ApplyRevision } from '../../apps/controller/src/policies/apply-revision.ts';
import { ANY, CLAIM, LEAVE_WAITING } from '../../apps/controller/src/policies/relabelled.ts';
import { selectHosts } from '../../apps/controller/src/policies/selector.ts';
import { ENDED, RELYING } from '../../apps/controller/src/rollouts/exception-ends.ts';
import { flipIntents, grantsOf } from '../../apps/controller/src/rollouts/intent-flip.ts';
import { joinLate } from '../../apps/controller/src/rollouts/late-joiners.ts';
import { RolloutEngine } from '../../apps/controller/src/rollouts/rollout-engine.ts';
import * as sql from '../../apps/controller/src/rollouts/rollout-sql.ts';
import { TAKEN_BACK } from '../../apps/controller/src/rollouts/taken-back.ts';
import { takenBefore } from '../../apps/controller/src/rollouts/takes-much.ts';
import { CONSENT } from '../../apps/controller/src/visits/visit-consent.ts';
import { NEVER_WITNESSED, UNSEEN_TARGETS } from '../../apps/controller/src/witness/pairs.ts';
import { LABELS } from './people.ts';
import { MAKERS, type RandomRows } from './random-rows.ts';
import { byId } from './rows.ts';

export interface Question {
  readonly name: string;
  /** Does it change nothing? */
  readonly isRead: boolean;
  /** Does it say in which order its rows come? */
  readonly isOrdered: boolean;
  readonly ask: (tx: Tx, database: Database) => Promise<unknown>;
}

const SITE = '0195aaaa-0000-7000-8000-000000000001';
const ACTOR: Actor = { tokenId: 'admin', name: 'token:admin', role: 'admin', permissions: [] };

export function questionsAbout(drawn: RandomRows, now: Date): readonly Question[] {
  return [
    ...rolloutReads(drawn, now),
    ...rolloutWrites(drawn, now),
    ...labelAndConsent(drawn, now),
    ...witnesses(drawn, now),
    ...services(drawn, now),
  ];
}

function reads(name: string, text: string, values: readonly unknown[], isOrdered = false): Question {
  return { name, isRead: true, isOrdered, ask: (tx) => tx.$queryRawUnsafe(text, ...values) };
}

/** What it gives is what it changed. */
function changes(name: string, text: string, values: readonly unknown[]): Question {
  return { ...reads(name, text, values), isRead: false };
}

/** What it gives is not looked at by whoever asks. */
function writes(name: string, text: string, values: readonly unknown[]): Question {
  const ask = async (tx: Tx) => void (await tx.$executeRawUnsafe(text, ...values));
  return { name, isRead: false, isOrdered: false, ask };
}

function rolloutReads(drawn: RandomRows, now: Date): readonly Question[] {
  const hostIds = drawn.hostIds();
  const one = () => drawn.idOf('rollouts');
  return [
    reads('DUE_ROLLOUTS', sql.DUE_ROLLOUTS, [now], true),
    reads('NEWEST_ROLLOUT', sql.NEWEST_ROLLOUT, []),
    reads('LOCK_ROLLOUT', sql.LOCK_ROLLOUT, [one()]),
    reads('AWAIT_ROLLOUT', sql.AWAIT_ROLLOUT, [one()]),
    reads('STILL_PENDING', sql.STILL_PENDING, [one(), hostIds], true),
    reads('COUNTED_TARGETS', sql.COUNTED_TARGETS, [one(), drawn.isSo(1, 2), QUOTA_STOCK]),
    reads('COUNTED_TARGETS with KDKs', sql.COUNTED_TARGETS, [one(), true, QUOTA_STOCK]),
    reads('NOTABLE_TARGETS', sql.NOTABLE_TARGETS, [hostIds]),
    reads('IN_ANOTHER', sql.IN_ANOTHER, [hostIds, one()]),
    reads('TAKEN_BACK', TAKEN_BACK, [hostIds]),
  ];
}

function rolloutWrites(drawn: RandomRows, now: Date): readonly Question[] {
  const { random } = drawn;
  const one = () => drawn.idOf('rollouts');
  const hosts = (more: () => object) => JSON.stringify(drawn.hostIds().map((host_id) => ({ host_id, ...more() })));
  const ring = () => ({ ring: random.below(2) });
  const noted = () => ({
    ...{ rollout_id: one(), state: random.pick(['opened', 'succeeded', 'failed']), reason: 'as it is' },
    moves: drawn.isSo(1, 2),
  });
  const grant = () => ({ grant_id: drawn.idOf('grants') });
  const oldest = byId(drawn.rows.rollouts).slice(0, 2);
  const flip = [SITE, drawn.idOf('revisions'), 8, ['-v'], one(), now];
  return [
    writes('ADD_TARGETS', sql.ADD_TARGETS, [hosts(ring), one(), SITE, random.pick(TARGET_STATES), 'late', now]),
    writes('SUPERSEDE_OLDER', sql.SUPERSEDE_OLDER, [drawn.hostIds(), one(), 'newer', now]),
    writes('YIELD_TO_NEWER', sql.YIELD_TO_NEWER, [random.pick(oldest).id, 'newer', now]),
    { ...writes('RETRY_TARGETS', sql.RETRY_TARGETS, []), ask: retry(one(), now) },
    changes('END_EMPTIED', sql.END_EMPTIED, [now]),
    writes('MARK_STUCK', sql.MARK_STUCK, [one(), hosts(() => ({ reason: 'stuck' })), now]),
    writes('NOTE_TARGETS', sql.NOTE_TARGETS, [hosts(noted), now]),
    changes('FLIP_INTENTS', sql.FLIP_INTENTS, [hosts(grant), ...flip]),
  ];
}

/** How many it is decides what a person is told. */
function retry(rolloutId: string, now: Date): Question['ask'] {
  return (tx) => tx.$executeRawUnsafe(sql.RETRY_TARGETS, rolloutId, now);
}

function labelAndConsent(drawn: RandomRows, now: Date): readonly Question[] {
  const { random } = drawn;
  const exception = () => drawn.idOf('exceptions');
  const holder = random.pick([null, drawn.idOf('revisions')]);
  return [
    { ...reads('ANY', ANY, []), ask: async (tx) => (await tx.$queryRawUnsafe<object[]>(ANY)).length },
    reads('CLAIM', CLAIM, [random.pick([1, 2, 100])], true),
    changes('LEAVE_WAITING', LEAVE_WAITING, [drawn.hostIds(), holder, 'left', now, random.pick(MAKERS)]),
    reads('CONSENT', CONSENT, [drawn.idOf('hosts')]),
    reads('ENDED', ENDED, [now], true),
    reads('RELYING at the end', RELYING, [exception(), QUOTA_STOCK, now], true),
    reads('RELYING', work.RELYING, [exception()], true),
    reads('LOWERING', work.LOWERING, [exception()], true),
    reads('RAISE_VISITS', work.RAISE_VISITS, [drawn.hostIds()], true),
  ];
}

function witnesses(drawn: RandomRows, now: Date): readonly Question[] {
  const { random } = drawn;
  const counted = drawn.hostIds().map((host_id, nth) => ({
    ...{ id: `0195000a-0000-7000-8000-00000000000${nth}`, host_id, boot_session_id: random.pick(['A', 'C']) },
    ...{ macos_guests: 3 + random.below(2), source: 'probe', said_by: 'agent', build: '23F79', variant: 'T6020' },
  }));
  return [
    reads('NEWEST_WITNESSES', NEWEST_WITNESSES, [drawn.hostIds()]),
    writes('STORE_WITNESSED', STORE_WITNESSED, [JSON.stringify(counted), SITE, now]),
    reads('NEVER_WITNESSED', NEVER_WITNESSED, [drawn.hostIds()], true),
    reads('UNSEEN_TARGETS', UNSEEN_TARGETS, [drawn.idOf('rollouts'), QUOTA_STOCK]),
  ];
}

/** Statements that no constant holds, and what is asked in Prisma's language: by what asks them. */
function services(drawn: RandomRows, now: Date): readonly Question[] {
  const { random, rows } = drawn;
  const revisionId = drawn.idOf('revisions');
  const allowed = random.pick(rows.exceptions).policyRevisionId;
  const maybeRevision = random.pick([null, revisionId]);
  const hostIds = drawn.hostIds();
  const selector = { labels: [random.pick(LABELS)], hosts: drawn.hostIds(), filter: null };
  const rollout = random.pick(rows.rollouts);
  const maker = random.pick(MAKERS);
  const strategy: RolloutStrategy = { ...AT_ONCE, ...drawn.strategy(), lateJoiners: 'last_ring' };
  // Macs join the newest, of an applied revision, more often than any other.
  const applied = rows.policies.map(({ appliedRevisionId }) => appliedRevisionId).filter((id) => id !== null);
  const newest = { id: byId(rows.rollouts).at(-1)?.id ?? rollout.id, revisionId: applied.at(0) ?? null };
  const joined = drawn.isSo(1, 3) ? rollout : newest;
  const late = rows.hosts.filter(() => drawn.isSo(3, 4)).map(({ id }) => ({ id }));
  const waiting = rows.targets.filter(({ rolloutId, state }) => rolloutId === rollout.id && state === 'pending');
  const flip = { siteId: SITE, rolloutId: rollout.id, revisionId: maybeRevision, now };
  const made = { revisionId: maybeRevision, hostIds: drawn.hostIds(), actor: random.pick(MAKERS), now };
  const policyId = drawn.idOf('policies');
  const asks = (name: string, ask: Question['ask']): Question => ({ name, isRead: true, isOrdered: true, ask });
  const does = (name: string, ask: Question['ask']): Question => ({ ...asks(name, ask), isRead: false });
  return [
    asks('selectHosts', async (tx) => [...(await selectHosts(tx, selector))]),
    asks('selectHosts of these', async (tx) => [...(await selectHosts(tx, selector, hostIds))]),
    asks('selectHosts but targets', async (tx) => [
      ...(await selectHosts(tx, selector, undefined, 'identity', rollout.id)),
    ]),
    asks('lateHostsOf', async (tx, database) => [
      ...(await policiesOf(database).lateHostsOf(tx, revisionId, rollout.id)),
    ]),
    asks('takenBefore', (tx) => takenBefore(tx, maker, hostIds, now)),
    asks('grantsOf', async (tx) =>
      [
        ...(await grantsOf(
          tx,
          allowed,
          rows.hosts.map(({ id }) => id),
          now,
        )),
      ].sort(),
    ),
    does('joinLate', (tx) =>
      joinLate(tx, { rollout: joined, strategy, siteId: SITE, lateHosts: async () => late, now }),
    ),
    does('flipIntents', async (tx) =>
      [...(await flipIntents(tx, { ...flip, hostIds: waiting.map(({ hostId }) => hostId).sort() }))].sort(),
    ),
    does('create', async (tx, database) => void (await engineOf(database).create(tx, made))),
    does('withdraw', async (tx, database) => void (await policiesOf(database).withdraw(tx, policyId, ACTOR, now))),
  ];
}

function policiesOf(database: Database): ApplyRevision {
  return new ApplyRevision(database, {} as Exceptions, engineOf(database));
}

function engineOf(database: Database): RolloutEngine {
  return new RolloutEngine(database, new InProcessBus(), new SystemClock());
}
