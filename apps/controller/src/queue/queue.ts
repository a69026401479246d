/**
 * Background work as wake-ups. A message says only what to look at; the handler loads the truth from Postgres, so running it
 * twice or late ends the same. Losing every message loses nothing: a timer sweeps what is due.
 */

/** Closed set of background work. */
const QUEUE_WORK = ['evaluate', 'proposal'] as const;
export type QueueWork = (typeof QUEUE_WORK)[number];

export abstract class JobQueue {
  /**
   * Wakes up `work`. Equal ids are one while waiting; one added while the work runs makes it run once more. Without a back end
   * the wake-up is lost, quietly.
   */
  abstract add(work: QueueWork, id: string): Promise<void>;
  /** One handler for each work; called one at a time. A throw is logged and left to the sweep. */
  abstract process(work: QueueWork, handler: (id: string) => Promise<void>): Promise<void>;
  /** Waits for the handler under way. */
  abstract close(): Promise<void>;
}
