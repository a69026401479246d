import { z } from 'zod';
import { askedNumber } from '../api/asked.ts';
import { idParams } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import { Problem } from '../common/problem.ts';
import type { Database } from '../db/database.ts';
import { CONTROLS, type Control, type ControlOrder, type RolloutControl } from './rollout-control.ts';
import { progressView, rolloutProgress, rolloutRow, rolloutRows } from './rollout-view.ts';

const SUMMARIES: Readonly<Record<Control, string>> = {
  confirm: 'Confirms a rollout that takes the raise from many Macs.',
  pause: 'Opens no more Macs until it is resumed. What is under way goes on.',
  resume: 'Lets a paused or halted rollout go on. It halts again if its thresholds say so.',
  halt: 'Opens no more Macs, and says that something is wrong. What is under way goes on.',
};
const reply = rolloutRow.extend({ progress: progressView });

export function controlRoutes(database: Database, control: RolloutControl): readonly Route[] {
  return [
    ...CONTROLS.map((name) =>
      route({
        id: `${name}Rollout`,
        method: 'POST',
        path: `/api/v1/rollouts/{id}/${name}`,
        permission: 'policy.apply',
        summary: SUMMARIES[name],
        status: 200,
        params: idParams,
        reply,
        handle: async ({ params: { id }, actor, now }) => {
          await control.move(name, { rolloutId: id, actor: actor.name, now });
          return view(id, now);
        },
      }),
    ),
    route({
      id: 'retryRollout',
      method: 'POST',
      path: '/api/v1/rollouts/{id}/retry',
      permission: 'policy.apply',
      summary: 'Failed and stuck Macs wait for their turn again. A halted rollout stays halted until it is resumed.',
      status: 200,
      params: idParams,
      reply,
      handle: async ({ params: { id }, actor, now }) => {
        await control.retry(order(id, actor.name, now));
        return view(id, now);
      },
    }),
    route({
      id: 'openRolloutGate',
      method: 'POST',
      path: '/api/v1/rollouts/{id}/rings/{ring}/open',
      permission: 'policy.apply',
      summary: 'Opens the manual gate of a ring, counted from 0.',
      status: 200,
      params: z.object({ id: z.uuid(), ring: askedNumber(0, 100) }),
      reply,
      handle: async ({ params: { id, ring }, actor, now }) => {
        await control.openGate(ring, order(id, actor.name, now));
        return view(id, now);
      },
    }),
    route({
      id: 'skipRolloutHost',
      method: 'POST',
      path: '/api/v1/rollouts/{id}/hosts/{hostId}/skip',
      permission: 'policy.apply',
      summary: 'Takes a Mac out of a rollout. What is wanted of it stays as it is now.',
      status: 200,
      params: z.object({ id: z.uuid(), hostId: z.uuid() }),
      reply,
      handle: async ({ params: { id, hostId }, actor, now }) => {
        await control.skip(hostId, order(id, actor.name, now));
        return view(id, now);
      },
    }),
  ];

  async function view(id: string, now: Date) {
    const rollout = await database.prisma.rollout.findUnique({ where: { id } });
    const [row] = rollout === null ? [] : await rolloutRows(database, [rollout]);
    if (rollout === null || row === undefined) throw new Problem('NOT_FOUND', `There is no rollout ${id}.`);
    return { ...row, progress: await rolloutProgress(database, rollout, now) };
  }
}

function order(rolloutId: string, actor: string, now: Date): ControlOrder {
  return { rolloutId, actor, now };
}
