import { type Closable, within } from '../common/kept-open.ts';
import type { QueueWork } from './queue.ts';

/** One queue and one worker of BullMQ on one back end: opened together, left together. */
export interface WakePair extends Closable {
  add(work: QueueWork, id: string): Promise<void>;
}

export interface Wake {
  readonly id: string;
}

export type RunWake = (work: string, id: string) => Promise<void>;

/** What is used of BullMQ's classes, whatever their back end. */
interface AnyQueue {
  on(event: 'error', listener: (error: Error) => void): unknown;
  waitUntilReady(): Promise<unknown>;
  add(name: string, data: Wake, options: object): Promise<unknown>;
  close(): Promise<void>;
}
interface AnyWorker {
  on(event: 'error', listener: (error: Error) => void): unknown;
  waitUntilReady(): Promise<unknown>;
  run(): Promise<void>;
  close(force?: boolean): Promise<void>;
}

export const QUEUE_NAME = 'headroom';

/** A job whose worker died is free again after this long; the sweep looks sooner. */
export const WORKER_OPTIONS = {
  autorun: false,
  concurrency: 1,
  lockDuration: 15_000,
  stalledInterval: 15_000,
  runRetryDelay: 1_000,
} as const;

const READY_MS = 10_000;
const ADD_MS = 5_000;
/** How long a handler under way may take to end when the controller stops. */
const CLOSE_MS = 10_000;
const CLOSE_FORCED_MS = 1_000;

/**
 * Any error of either ends the pair: a BullMQ worker whose back end refuses its commands would ask again without a pause, and
 * a dropped schema comes back only with a new pair.
 */
export async function openPair(queue: AnyQueue, worker: AnyWorker, broken: (error: Error) => void): Promise<WakePair> {
  let failed = false;
  const onError = (error: Error) => {
    failed = true;
    broken(error);
  };
  queue.on('error', onError);
  worker.on('error', onError);
  const close = async () => {
    const ended = within(failed ? CLOSE_FORCED_MS : CLOSE_MS, 'worker', worker.close(failed));
    await ended.catch(() => {});
    await within(CLOSE_FORCED_MS, 'queue', queue.close()).catch(() => {});
  };
  try {
    await within(READY_MS, 'queue', Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]));
  } catch (error) {
    failed = true;
    await close();
    throw error;
  }
  worker.run().catch(onError);
  return {
    close,
    async add(work, id) {
      const once = { deduplication: { id: `${work}:${id}`, keepLastIfActive: true } };
      const added = queue.add(work, { id }, { ...once, removeOnComplete: true, removeOnFail: true });
      await within(ADD_MS, 'queue', added).catch(onError);
    },
  };
}
