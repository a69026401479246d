import { afterEach, describe, expect, it, vi } from 'vitest';
import { InProcessBus } from '../bus/bus.ts';
import { type Clock, SystemClock } from '../common/clock.ts';
import { JobQueue } from '../queue/queue.ts';
import type { RolloutEngine } from '../rollouts/rollout-engine.ts';
import type { Evaluator } from './evaluator.ts';
import { EvaluatorLoop } from './evaluator-loop.ts';

const rests: number[] = [];
vi.mock('node:timers/promises', () => ({
  setTimeout: async (ms: number) => {
    rests.push(ms);
  },
}));

class ManualClock implements Clock {
  nowMs = 0;
  now(): Date {
    return new Date(this.nowMs);
  }
}

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

async function start(batches: number[], clock: Clock = new SystemClock(), runMs?: number) {
  const queue = new RecordingQueue();
  const bus = new InProcessBus();
  const runBatch = vi.fn(async () => batches.shift() ?? 0);
  const markReturned = vi.fn(async () => {});
  const openPending = vi.fn(async () => {});
  const evaluator = { runBatch, markReturned } as unknown as Evaluator;
  const rollouts = { openPending } as unknown as RolloutEngine;
  const loop = new EvaluatorLoop(evaluator, rollouts, clock, queue, bus, runMs);
  loops.push(loop);
  await loop.start();
  return { queue, bus, loop, runBatch, markReturned, openPending };
}

describe('the evaluator loop', () => {
  it('makes one run of many wake-ups, and runs until nothing is due', async () => {
    const { queue, bus, runBatch, openPending } = await start([200, 30]);
    for (let index = 0; index < 50; index += 1) bus.publish({ kind: 'due', hostId: `host-${index}` });
    bus.publish({ kind: 'changed', hostId: 'host-1' });
    await vi.waitFor(() => expect(openPending).toHaveBeenCalledTimes(1));
    expect(queue.added).toEqual(['evaluate fleet']);
    expect(runBatch).toHaveBeenCalledTimes(3);
  });

  it('needs no wake-up for what becomes due while it is at it', async () => {
    const { queue, bus, loop, runBatch } = await start([]);
    let release: (taken: number) => void = () => {};
    runBatch.mockImplementationOnce(
      () =>
        new Promise((resolve) => {
          release = resolve;
        }),
    );
    const draining = loop.drain();
    bus.publish({ kind: 'due', hostId: 'host-1' });
    await new Promise((resolve) => setTimeout(resolve, 60));
    // Nothing was due when it looked, and something is since.
    release(0);
    await draining;
    expect(queue.added).toEqual([]);
    expect(runBatch).toHaveBeenCalledTimes(2);
    bus.publish({ kind: 'due', hostId: 'host-2' });
    await vi.waitFor(() => expect(queue.added).toEqual(['evaluate fleet']));
  });

  it('rests after a small batch as long as it took, not after a full one', async () => {
    const takes = [200, 3, 200, 0];
    const clock = new ManualClock();
    const { loop, runBatch } = await start([], clock);
    rests.length = 0;
    runBatch.mockImplementation(async () => {
      const taken = takes.shift() ?? 0;
      clock.nowMs += taken === 3 ? 40 : 900;
      return taken;
    });
    await loop.drain();
    expect(rests).toEqual([40]);
    takes.push(3);
    runBatch.mockImplementation(async () => {
      clock.nowMs += 900;
      return takes.shift() ?? 0;
    });
    await loop.drain();
    expect(rests).toEqual([40, 250]);
  });

  it('sweeps without any wake-up: returns, then what is due', async () => {
    const { queue, loop, runBatch, markReturned } = await start([5]);
    await loop.sweepOnce(new Date());
    expect(queue.added).toEqual([]);
    expect(markReturned).toHaveBeenCalledTimes(1);
    expect(runBatch).toHaveBeenCalledTimes(2);
  });

  it('ends a run of a fleet that is never still: rollouts are opened, the sweep goes on, and the queue brings the next run', async () => {
    const { queue, loop, runBatch, openPending } = await start([], new SystemClock(), 20);
    // As from real batches, timers get their turn in between.
    runBatch.mockImplementation(() => new Promise((resolve) => setTimeout(resolve, 1, 1)));
    const sweeping = loop.sweepOnce(new Date()).then(() => 'swept');
    const late = new Promise((resolve) => setTimeout(resolve, 2_000, 'still sweeping'));
    expect(await Promise.race([sweeping, late])).toBe('swept');
    expect(openPending).toHaveBeenCalled();
    await vi.waitFor(() => expect(queue.added).toContain('evaluate fleet'));
    runBatch.mockImplementation(async () => 0);
  });

  it('does not listen any more once stopped', async () => {
    const { queue, bus, loop } = await start([]);
    loop.stop();
    bus.publish({ kind: 'due', hostId: 'host-1' });
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(queue.added).toEqual([]);
  });
});
