/**
 * What keeps a Mac from being retired: anything that may be lowered on it, or that could still lower it. Guarantee: a Mac that a visit
 * reached is let go only when its facts prove stock, and none goes with `raise` on it, or with a visit that may still be going on.
 */
import { type Facts, type HostState, stockGaps } from '@headroom/core';
import type { Tx } from '../db/database.ts';
import type { Remembered } from '../evaluator/host-input.ts';

/** States in which nothing of Headroom is in force, by evidence or because the Mac never came so far. */
const AT_STOCK: readonly HostState[] = [
  'no_facts',
  'unsupported',
  'not_started',
  'kdk_missing',
  'kdk_ready',
  'kc_staged',
  'ready_for_visit',
  'reverted',
];

interface Obstacle {
  readonly expected: string;
  readonly seen: string;
}

/** What was expected and seen, in words; null = nothing is in the way. */
export async function obstacleToRetire(tx: Tx, hostId: string, state: HostState): Promise<string | null> {
  const { name, report } = await tx.host.findUniqueOrThrow({
    where: { id: hostId },
    select: { name: true, report: { select: { facts: true, bootFirstSeenAt: true } } },
  });
  const facts = (report?.facts ?? null) as unknown as Facts | null;
  const obstacle =
    stateObstacle(state) ??
    (await visitObstacle(tx, hostId, report?.bootFirstSeenAt ?? null)) ??
    kitObstacle(facts) ??
    (await gapObstacle(tx, hostId, facts));
  return obstacle === null ? null : `On ${name}: expected ${obstacle.expected}, seen ${obstacle.seen}.`;
}

function stateObstacle(state: HostState): Obstacle | null {
  return AT_STOCK.includes(state) ? null : { expected: 'proof of stock', seen: `the state ${state}` };
}

/** A visit that was opened may have got anywhere, also one that was cancelled or withdrawn since: the next boot tells. */
async function visitObstacle(tx: Tx, hostId: string, bootFirstSeenAt: Date | null): Promise<Obstacle | null> {
  const raises = { hostId, kind: { in: ['raise', 'restart'] } };
  const open = await tx.visit.findFirst({ where: { ...raises, state: 'open' } });
  if (open !== null) {
    const opened = open.openedAt?.toISOString() ?? 'a moment ago';
    return { expected: 'no visit under way', seen: `a ${open.kind} visit opened ${opened}` };
  }
  const last = await tx.visit.findFirst({
    where: { ...raises, lastOpenedAt: { not: null } },
    orderBy: { lastOpenedAt: 'desc' },
  });
  const at = last?.lastOpenedAt ?? null;
  if (last === null || at === null || (bootFirstSeenAt !== null && bootFirstSeenAt > at)) return null;
  return {
    expected: `a boot of the Mac after its ${last.kind} visit was opened ${at.toISOString()}`,
    seen: bootFirstSeenAt === null ? 'none' : `its last one ${bootFirstSeenAt.toISOString()}; restart it once`,
  };
}

/** Once its agent is cut off, nobody takes `raise` off the Mac. An older agent does not say whether it lies there. */
function kitObstacle(facts: Facts | null): Obstacle | null {
  const kit = facts?.visitKit ?? null;
  if (kit === null || kit.armed === false) return null;
  return { expected: 'no raise on the Mac', seen: `the kit of visit ${kit.visitId}, which would still lower it` };
}

/** Of a Mac that Headroom touched. What others lowered is theirs. */
async function gapObstacle(tx: Tx, hostId: string, facts: Facts | null): Promise<Obstacle | null> {
  if (!(await wasTouched(tx, hostId, facts))) return null;
  if (facts === null) return { expected: 'proof of stock', seen: 'no facts of a Mac that was visited' };
  const gaps = stockGaps(facts);
  if (gaps.length === 0) return null;
  return {
    expected: gaps.map(({ path, expected }) => `${path} ${expected}`).join(', '),
    seen: gaps.map(({ path, seen }) => `${path} ${seen ?? 'unknown'}`).join(', '),
  };
}

async function wasTouched(tx: Tx, hostId: string, facts: Facts | null): Promise<boolean> {
  const state = await tx.hostState.findUnique({ where: { hostId }, select: { record: true } });
  const { everRaised = false } = (state?.record ?? {}) as Partial<Remembered>;
  if (everRaised || (facts?.receipt ?? null) !== null) return true;
  const opened = { OR: [{ openedAt: { not: null } }, { lastOpenedAt: { not: null } }] };
  return (await tx.visit.count({ where: { hostId, kind: { in: ['raise', 'restart'] }, ...opened } })) > 0;
}
