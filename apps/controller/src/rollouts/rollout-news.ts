import type { Tx } from '../db/database.ts';
import { tellWebhooks } from '../webhooks/outbox.ts';

export interface ToldRollout {
  readonly id: string;
  readonly revisionId: string | null;
  readonly state: string;
  readonly stateReason: string | null;
}

export interface News {
  readonly type: 'rollout.created' | 'rollout.changed' | 'rollout.waits' | 'rollout.ended';
  readonly siteId: string;
  readonly actor: string;
  readonly now: Date;
  readonly more?: Readonly<Record<string, unknown>>;
}

/** What webhooks tell of rollouts, in the transaction that changed them. */
export function tellRollouts(
  tx: Tx,
  rollouts: readonly ToldRollout[],
  { type, siteId, actor, now: at, more }: News,
): Promise<void> {
  return tellWebhooks(
    tx,
    rollouts.map(({ id: rolloutId, revisionId, state, stateReason: reason }) => ({
      siteId,
      at,
      type,
      data: { rolloutId, revisionId, state, reason, actor, ...more },
    })),
  );
}
