import { z } from 'zod';
import { askedNumber } from '../api/asked.ts';
import { idParams } from '../api/paging.ts';
import { type Call, type Route, route } from '../api/route.ts';
import { Problem } from '../common/problem.ts';
import type { Database } from '../db/database.ts';
import { CONTROLS, type Control, type ControlOrder, type RolloutControl } from './rollout-control.ts';
import { progressView, rolloutProgress, rolloutRow, rolloutRows, shownEtag } from './rollout-view.ts';

const SUMMARIES: Readonly<Record<Control, string>> = {
  confirm: 'Confirms a rollout that takes the raise from many Macs.',
  pause: 'Opens no more Macs until it is resumed. What is under way goes on.',
  resume: 'Lets a paused or halted rollout go on. It halts again if its thresholds say so.',
  halt: 'Opens no more Macs, and says that something is wrong. What is under way goes on.',
};
const same = {
  method: 'POST',
  permission: 'policy.apply',
  status: 200,
  conditional: true,
  reply: rolloutRow.extend({ progress: progressView }),
  etag: shownEtag,
} as const;

export function controlRoutes(database: Database, control: RolloutControl): readonly Route[] {
  return [
    ...CONTROLS.map((name) =>
      route({
        ...same,
        id: `${name}Rollout`,
        path: `/api/v1/rollouts/{id}/${name}`,
        summary: SUMMARIES[name],
        params: idParams,
        handle: async (call) => {
          await control.move(name, order(call));
          return view(call);
        },
      }),
    ),
    route({
      ...same,
      id: 'retryRollout',
      path: '/api/v1/rollouts/{id}/retry',
      summary: 'Failed and stuck Macs wait for their turn again. A halted rollout stays halted until it is resumed.',
      params: idParams,
      handle: async (call) => {
        await control.retry(order(call));
        return view(call);
      },
    }),
    route({
      ...same,
      id: 'openRolloutGate',
      path: '/api/v1/rollouts/{id}/rings/{ring}/open',
      summary: 'Opens the manual gate of a ring, counted from 0.',
      params: z.object({ id: z.uuid(), ring: askedNumber(0, 100) }),
      handle: async (call) => {
        await control.openGate(call.params.ring, order(call));
        return view(call);
      },
    }),
    route({
      ...same,
      id: 'skipRolloutHost',
      path: '/api/v1/rollouts/{id}/hosts/{hostId}/skip',
      summary: 'Takes a Mac out of a rollout. What is wanted of it stays as it is now.',
      params: z.object({ id: z.uuid(), hostId: z.uuid() }),
      handle: async (call) => {
        await control.skip(call.params.hostId, order(call));
        return view(call);
      },
    }),
  ];

  async function view({ params: { id }, now }: RolloutCall) {
    const rollout = await database.prisma.rollout.findUnique({ where: { id } });
    const [row] = rollout === null ? [] : await rolloutRows(database, [rollout]);
    if (rollout === null || row === undefined) throw new Problem('NOT_FOUND', `There is no rollout ${id}.`);
    return { ...row, progress: await rolloutProgress(database, rollout, now) };
  }
}

type RolloutCall = Call<{ readonly id: string }, unknown, unknown>;

function order({ params: { id: rolloutId }, actor, now, ifMatch }: RolloutCall): ControlOrder {
  return { rolloutId, actor: actor.name, now, ifMatch };
}
