import { AT_ONCE, type RolloutState, type RolloutStrategy } from '@headroom/core';
import { requireMatch, rolloutEtag } from '../api/etag.ts';
import { Problem } from '../common/problem.ts';
import type { Database, Tx } from '../db/database.ts';
import { writeAudit } from '../db/database.ts';
import { changeStanding, keepStanding } from '../db/lock-order.ts';
import type { RolloutEngine } from './rollout-engine.ts';
import { tellRollouts } from './rollout-news.ts';
import { RETRY_TARGETS } from './rollout-sql.ts';

export const CONTROLS = ['confirm', 'pause', 'resume', 'halt'] as const;
export type Control = (typeof CONTROLS)[number];

/** From which states each may be called, and what it leads to. */
const MOVES: Readonly<Record<Control, { readonly from: readonly RolloutState[]; readonly to: RolloutState }>> = {
  // One that was halted before anybody confirmed it still has to be confirmed; `resume` never stands for that.
  confirm: { from: ['waiting_for_confirmation', 'halted'], to: 'running' },
  pause: { from: ['running'], to: 'paused' },
  resume: { from: ['paused', 'halted'], to: 'running' },
  halt: { from: ['running', 'paused', 'waiting_for_confirmation'], to: 'halted' },
};

export interface ControlOrder {
  readonly rolloutId: string;
  readonly actor: string;
  readonly now: Date;
  /** ETag that the rollout must still have. Absent = whatever it is. */
  readonly ifMatch?: string | null;
}

/** What people do with a rollout. Each takes the rollout's own lock, so it comes before or after a decision, never amid one. */
export class RolloutControl {
  constructor(
    private readonly database: Database,
    private readonly engine: RolloutEngine,
  ) {}

  move(control: Control, order: ControlOrder): Promise<void> {
    const { from, to } = MOVES[control];
    return this.change(control, order, async (tx, { id, state }) => {
      if (!from.includes(state))
        throw new Problem('CONFLICT', `The rollout is ${state}; ${control} needs it to be ${from.join(' or ')}.`);
      if (control === 'confirm' && !(await this.engine.needsConfirmation(tx, id)))
        throw new Problem('CONFLICT', 'The rollout needs no confirmation, or has it.');
      if (control === 'confirm') await this.engine.supersedeOlder(tx, id, await waitingIn(tx, id), order.now);
      if (control === 'resume' && (await this.engine.needsConfirmation(tx, id)))
        throw new Problem(
          'CONFLICT',
          'The rollout takes the raise from many Macs and nobody confirmed it: confirm it.',
        );
      const stateReason = to === 'running' ? null : `${control} by ${order.actor}`;
      await tx.rollout.update({
        where: { id },
        data: { state: to, stateReason, decidedAt: null, ...(control === 'confirm' && { confirmedAt: order.now }) },
      });
      return { state: to };
    });
  }

  openGate(ring: number, order: ControlOrder): Promise<void> {
    return this.change('gate', order, async (tx, { id, strategy, gatesOpened }) => {
      const rings = (strategy ?? AT_ONCE).rings;
      if (rings[ring]?.gate !== 'manual')
        throw new Problem('CONFLICT', `Ring ${ring} of ${rings.length} has no manual gate.`);
      const gates = [...new Set([...gatesOpened, ring])].sort((left, right) => left - right);
      await tx.rollout.update({ where: { id }, data: { gatesOpened: gates, decidedAt: null } });
      return { gatesOpened: gates };
    });
  }

  /** Failed and stuck Macs wait for their turn again, but for those that a newer rollout is for. A finished rollout runs again; a halted one waits for `resume`. */
  retry(order: ControlOrder): Promise<void> {
    return this.change('retry', order, async (tx, { id, state }) => {
      if (state === 'superseded' || state === 'waiting_for_confirmation')
        throw new Problem('CONFLICT', `The rollout is ${state}; nothing of it can be tried again.`);
      const count = await tx.$executeRawUnsafe(RETRY_TARGETS, id, order.now);
      if (count === 0)
        throw new Problem(
          'CONFLICT',
          'Nothing of it can be tried again: no Mac failed, or newer rollouts are for those that did.',
        );
      if (state === 'finished')
        await tx.rollout.update({ where: { id }, data: { state: 'running', finishedAt: null, decidedAt: null } });
      return { retried: count };
    });
  }

  /** Takes a Mac out. What is wanted of it stays as it is now: an intent that has flipped is not taken back. */
  skip(hostId: string, order: ControlOrder): Promise<void> {
    return this.change('skip', order, async (tx, { id, state }) => {
      const { count } = await tx.rolloutTarget.updateMany({
        where: { rolloutId: id, hostId, state: { in: ['pending', 'opened', 'failed', 'stuck'] } },
        data: { state: 'skipped', reason: `Skipped by ${order.actor}.`, endedAt: order.now, notedAt: order.now },
      });
      if (count === 0) throw new Problem('NOT_FOUND', `The rollout has no Mac ${hostId} that could be skipped.`);
      if (state === 'waiting_for_confirmation') await this.engine.endEmptied(tx, order.now);
      return { hostId };
    });
  }

  private async change(
    name: string,
    { rolloutId: id, actor, now, ifMatch }: ControlOrder,
    work: (tx: Tx, rollout: ControlledRollout) => Promise<Record<string, string | number | number[]>>,
  ): Promise<void> {
    const { siteId } = this.database;
    // One that is confirmed takes Macs from others.
    const inOrder = name === 'confirm' ? changeStanding : keepStanding;
    await inOrder(this.database, async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM rollout WHERE id = ${id}::uuid FOR UPDATE`;
      const rollout = await tx.rollout.findUnique({ where: { id } });
      if (rollout === null) throw new Problem('NOT_FOUND', `There is no rollout ${id}.`);
      requireMatch(ifMatch, rolloutEtag(rollout.state, rollout.gatesOpened));
      const after = await work(tx, {
        ...rollout,
        state: rollout.state as RolloutState,
        strategy: rollout.strategy as unknown as RolloutStrategy | null,
      });
      await writeAudit(tx, {
        actor,
        action: `rollout.${name}`,
        entity: 'rollout',
        entityId: id,
        before: { state: rollout.state },
        after,
        at: now,
        siteId,
      });
      const told = await tx.rollout.findUniqueOrThrow({ where: { id } });
      await tellRollouts(tx, [told], { type: 'rollout.changed', siteId, actor, now, more: { change: name } });
    });
    this.engine.hasNews([id]);
    await this.engine.openPending(now);
  }
}

/** Not those that somebody took out of it before it was confirmed: they stay where they are. */
async function waitingIn(tx: Tx, rolloutId: string): Promise<readonly string[]> {
  const where = { rolloutId, state: 'pending' };
  const rows = await tx.rolloutTarget.findMany({ where, select: { hostId: true } });
  return rows.map(({ hostId }) => hostId);
}

interface ControlledRollout {
  readonly id: string;
  readonly state: RolloutState;
  readonly strategy: RolloutStrategy | null;
  readonly gatesOpened: readonly number[];
}
