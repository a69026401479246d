import { logger } from '../common/log.ts';

const log = logger('bus');

/**
 * due = a host should be evaluated; work = its agent has a job; notice = its agent has to be told something; changed = people may want to
 * look again; progress = a job of it has a new line for people; session = its live streams may belong to a session that is over.
 */
export const WAKE_KINDS = ['due', 'work', 'notice', 'changed', 'progress', 'session'] as const;

/** A wake-up between parts of the controllers. It may arrive twice, late or never; the sweep finds what was missed. */
export interface Wake {
  readonly kind: (typeof WAKE_KINDS)[number];
  readonly hostId: string;
}

/** Sent after commit only, never from inside a transaction. */
export abstract class ControllerBus {
  /** Listeners are called later, never from within. One that throws does not keep the wake-up from the others. */
  abstract publish(wake: Wake): void;
  /** Returns the way to stop listening. */
  abstract subscribe(listener: (wake: Wake) => void): () => void;
  abstract close(): Promise<void>;
}

/** For one controller: everything happens in this process. */
export class InProcessBus extends ControllerBus {
  private readonly listeners = new Set<(wake: Wake) => void>();

  publish(wake: Wake): void {
    setImmediate(() => {
      for (const listener of [...this.listeners]) call(listener, wake);
    });
  }

  subscribe(listener: (wake: Wake) => void): () => void {
    // Its own function each time: subscribing twice is two subscriptions.
    const own = (wake: Wake) => listener(wake);
    this.listeners.add(own);
    return () => this.listeners.delete(own);
  }

  async close(): Promise<void> {
    this.listeners.clear();
  }
}

function call(listener: (wake: Wake) => void, wake: Wake): void {
  try {
    listener(wake);
  } catch (error) {
    log(`a listener failed at ${wake.kind} ${wake.hostId}: ${(error as Error).stack ?? String(error)}`);
  }
}
