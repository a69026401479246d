import { afterEach, describe, expect, it, vi } from 'vitest';
import { InProcessBus } from '../bus/bus.ts';
import { SystemClock } from '../common/clock.ts';
import { JobQueue } from '../queue/queue.ts';
import type { RolloutEngine } from '../rollouts/rollout-engine.ts';
import type { Evaluator } from './evaluator.ts';
import { EvaluatorLoop } from './evaluator-loop.ts';

class RecordingQueue extends JobQueue {
  readonly added: string[] = [];
  handler: ((id: string) => Promise<void>) | null = null;

  async add(work: string, id: string): Promise<void> {
    this.added.push(`${work} ${id}`);
    await this.handler?.(id);
  }
  async process(_work: string, handler: (id: string) => Promise<void>): Promise<void> {
    this.handler = handler;
  }
  async close(): Promise<void> {}
}

const loops: EvaluatorLoop[] = [];
afterEach(() => {
  for (const loop of loops.splice(0)) loop.stop();
});

async function start(batches: number[]) {
  const queue = new RecordingQueue();
  const bus = new InProcessBus();
  const runBatch = vi.fn(async () => batches.shift() ?? 0);
  const markReturned = vi.fn(async () => {});
  const openPending = vi.fn(async () => {});
  const finishEnded = vi.fn(async () => {});
  const evaluator = { runBatch, markReturned } as unknown as Evaluator;
  const rollouts = { openPending, finishEnded } as unknown as RolloutEngine;
  const loop = new EvaluatorLoop(evaluator, rollouts, new SystemClock(), queue, bus);
  loops.push(loop);
  await loop.start();
  return { queue, bus, loop, runBatch, markReturned, openPending, finishEnded };
}

describe('the evaluator loop', () => {
  it('makes one run of many wake-ups, and runs until nothing is due', async () => {
    const { queue, bus, runBatch, finishEnded } = await start([200, 30]);
    for (let index = 0; index < 50; index += 1) bus.publish({ kind: 'due', hostId: `host-${index}` });
    bus.publish({ kind: 'changed', hostId: 'host-1' });
    await vi.waitFor(() => expect(finishEnded).toHaveBeenCalledTimes(1));
    expect(queue.added).toEqual(['evaluate fleet']);
    expect(runBatch).toHaveBeenCalledTimes(3);
  });

  it('sweeps without any wake-up: rollouts, returns, then what is due', async () => {
    const { queue, loop, runBatch, markReturned, openPending } = await start([5]);
    await loop.sweepOnce(new Date());
    expect(queue.added).toEqual([]);
    for (const call of [openPending, markReturned]) expect(call).toHaveBeenCalledTimes(1);
    expect(runBatch).toHaveBeenCalledTimes(2);
  });

  it('does not listen any more once stopped', async () => {
    const { queue, bus, loop } = await start([]);
    loop.stop();
    bus.publish({ kind: 'due', hostId: 'host-1' });
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(queue.added).toEqual([]);
  });
});
