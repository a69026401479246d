/** What the statements about policies, exceptions and their ends say: over rows in memory. */

import { hostUuidsOf } from '../../apps/controller/src/exceptions/grant-check.ts';
import * as work from '../../apps/controller/src/exceptions/relying-work.ts';
import { ENDED, RELYING } from '../../apps/controller/src/rollouts/exception-ends.ts';
import { CONSENT } from '../../apps/controller/src/visits/visit-consent.ts';
import type { Query } from './memory-rollouts.ts';
import { byHost, byId, hostOf, intentOf, isOpenVisit, type Rows } from './rows.ts';

export function consentQueries(rows: Rows): [string, Query][] {
  const grantsOf = (exceptionId: string) => rows.grants.filter((grant) => grant.exceptionId === exceptionId);
  const isOf = (exceptionId: string, grantId: string | null | undefined) =>
    grantsOf(exceptionId).some(({ id }) => id === grantId);
  return [
    [CONSENT, (hostId: string) => grantOf(rows, intentOf(rows, hostId)?.grantId ?? null)],
    [
      ENDED,
      (now: Date) =>
        byId(
          rows.exceptions.filter(
            ({ endedAt, awaitsApproval, revokedAt, expiresAt }) =>
              endedAt === null && !awaitsApproval && (revokedAt !== null || expiresAt <= now),
          ),
        ),
    ],
    [
      RELYING,
      (exceptionId: string, stock: number, now: Date) =>
        byHost(rows.intents)
          .filter(({ quota, grantId }) => quota > stock && isOf(exceptionId, grantId))
          .filter(({ hostId }) => !wasReached(rows, exceptionId, hostId))
          .map(({ hostId, revisionId }) => ({
            ...{ hostId, revisionId },
            renewed: isRenewed(rows, exceptionId, hostId, now),
          })),
    ],
    [work.LOCK_NAMED, () => []],
    [work.RELYING, (exceptionId: string) => byHost(rows.intents.filter(({ grantId }) => isOf(exceptionId, grantId)))],
    [
      work.LOWERING,
      (exceptionId: string) =>
        byHost(rows.plans.filter(({ state, grantId }) => state === 'open' && isOf(exceptionId, grantId))),
    ],
    [
      work.RAISE_VISITS,
      (ids: string[]) =>
        byHost(rows.visits.filter((one) => one.kind === 'raise' && isOpenVisit(one) && ids.includes(one.hostId))),
    ],
  ];
}

export interface Narrowing {
  /** Null = all hosts. */
  readonly only: readonly string[] | null;
  readonly withoutTargetsOf: string | null;
}

/** What a selector says, without a filter; asked under a text that is made anew each time. */
export function selectHosts(
  rows: Rows,
  named: readonly string[],
  labels: readonly string[],
  { only, withoutTargetsOf }: Narrowing,
) {
  return byId(rows.hosts)
    .map(({ id: hostId, hardwareUuid, labels: mine }) => {
      const isNamed = named.includes(hostId);
      return {
        hostId,
        hardwareUuid,
        named: isNamed,
        selected: isNamed || labels.some((label) => mine.includes(label)),
      };
    })
    .filter(({ hostId, selected }) => selected && (only === null || only.includes(hostId)))
    .filter(({ hostId }) => !rows.targets.some((one) => one.rolloutId === withoutTargetsOf && one.hostId === hostId));
}

export function grantOf({ grants }: Rows, grantId: string | null) {
  return grants.filter(({ id }) => id === grantId);
}

function wasReached({ rollouts, targets }: Rows, exceptionId: string, hostId: string): boolean {
  return rollouts.some(
    (one) =>
      one.exceptionId === exceptionId && targets.some((mine) => mine.rolloutId === one.id && mine.hostId === hostId),
  );
}

/** A live rollout will set an intent under another grant that names the Mac and has not ended. */
function isRenewed(rows: Rows, exceptionId: string, hostId: string, now: Date): boolean {
  const { hardwareUuid } = hostOf(rows, hostId);
  const revisions = rows.targets
    .filter((one) => one.hostId === hostId && one.state === 'pending')
    .map(({ rolloutId }) => rows.rollouts.find(({ id }) => id === rolloutId))
    .filter((one) => one !== undefined && ['running', 'paused', 'waiting_for_confirmation'].includes(one.state))
    .map((one) => one?.revisionId);
  const exceptions = rows.exceptions.filter(
    ({ id, policyRevisionId }) => id !== exceptionId && revisions.includes(policyRevisionId),
  );
  return rows.grants.some(
    (grant) =>
      exceptions.some(({ id }) => id === grant.exceptionId) &&
      grant.revokedAt === null &&
      grant.expiresAt > now &&
      hostUuidsOf(grant.payload).has(hardwareUuid),
  );
}
