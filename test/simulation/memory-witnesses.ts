/** What the statements about witnesses, and about the pairs that they speak for, say: over rows in memory. */
import type { Facts } from '@headroom/core';
import * as sql from '../../apps/controller/src/evaluator/evaluator-sql.ts';
import { NEVER_WITNESSED, UNSEEN_TARGETS } from '../../apps/controller/src/witness/pairs.ts';
import type { Query } from './memory-rollouts.ts';
import { hostOf, type Rows, type WitnessRow } from './rows.ts';

interface Pair {
  readonly build: string;
  readonly variant: string;
}

interface Counted {
  readonly id: string;
  readonly host_id: string;
  readonly boot_session_id: string;
  readonly macos_guests: number;
  readonly source: string;
  readonly said_by: string;
  readonly build: string;
  readonly variant: string;
}

export function witnessQueries(rows: Rows): [string, Query][] {
  return [
    [sql.NEWEST_WITNESSES, (ids: string[]) => ids.flatMap((id) => newestOf(rows, id) ?? [])],
    [
      sql.STORE_WITNESSED,
      (json: string, _site: string, now: Date) => {
        for (const counted of JSON.parse(json) as Counted[]) store(rows, counted, now);
      },
    ],
    [
      NEVER_WITNESSED,
      (hostIds: string[]) =>
        hostIds
          .flatMap((hostId) => {
            const pair = pairOf(hostOf(rows, hostId).report.facts);
            return pair === null || wasWitnessed(rows, pair) ? [] : [{ hostId, ...pair }];
          })
          .sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1)),
    ],
    [
      UNSEEN_TARGETS,
      (rolloutId: string, stock: number) => {
        const revisionId = rows.rollouts.find(({ id }) => id === rolloutId)?.revisionId;
        const isRaise = rows.revisions.some(({ id, quota }) => id === revisionId && quota > stock);
        return rows.targets
          .filter((one) => isRaise && one.rolloutId === rolloutId && ['pending', 'opened'].includes(one.state))
          .map(({ hostId }) => ({ hostId, told: pairOf(hostOf(rows, hostId).report.facts) }))
          .filter(({ told }) => told === null || !wasWitnessed(rows, told))
          .map(({ hostId, told }) => ({ hostId, pair: told === null ? null : `${told.variant} ${told.build}` }));
      },
    ],
  ];
}

/** null = a Mac that told none. */
export function pairOf(facts: Facts | null): Pair | null {
  const { build, variant } = { build: facts?.os.baseBuild ?? null, variant: facts?.kernel.variant ?? null };
  return build === null || variant === null ? null : { build, variant: variant.toUpperCase() };
}

function wasWitnessed({ witnesses }: Rows, { build, variant }: Pair): boolean {
  return witnesses.some(
    (one) => one.countedAt !== null && one.build === build && one.variant?.toUpperCase() === variant,
  );
}

function keyOf({ build, variant, hostId }: Pair & { readonly hostId: string }): string {
  return `${build} ${variant} ${hostId}`;
}

function newestOf({ witnesses }: Rows, hostId: string) {
  const [newest] = witnesses
    .filter((one) => one.hostId === hostId)
    .sort((left, right) => right.at.getTime() - left.at.getTime());
  return newest === undefined ? undefined : { ...newest, by: newest.saidBy };
}

function store({ witnesses }: Rows, counted: Counted, now: Date): void {
  const { id, host_id: hostId, boot_session_id: bootSessionId, macos_guests: macosGuests, build, variant } = counted;
  const known = witnesses.find((one) => one.hostId === hostId && one.bootSessionId === bootSessionId);
  const { source, said_by: saidBy } = counted;
  const row: WitnessRow = known ?? {
    ...{ id, hostId, bootSessionId, macosGuests, source, saidBy, at: now },
    ...{ build, variant, countedAt: null },
  };
  if (known === undefined) witnesses.push(row);
  row.macosGuests = Math.max(row.macosGuests, macosGuests);
  Object.assign(row, { build, variant, countedAt: row.countedAt ?? now });
}
