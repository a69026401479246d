import { EventEmitter } from 'node:events';

/** A wake-up between parts of the controller. It may arrive twice, late or never; the sweep finds what was missed. */
export interface Wake {
  /** due = a host should be evaluated; work = its agent has a job; changed = people may want to look again. */
  readonly kind: 'due' | 'work' | 'changed';
  readonly hostId: string;
}

/** Sent after commit only, never from inside a transaction. */
export abstract class ControllerBus {
  abstract publish(wake: Wake): void;
  /** Returns the way to stop listening. */
  abstract subscribe(listener: (wake: Wake) => void): () => void;
}

/** For one controller: everything happens in this process. */
export class InProcessBus extends ControllerBus {
  private readonly emitter = new EventEmitter().setMaxListeners(0);

  publish(wake: Wake): void {
    setImmediate(() => this.emitter.emit('wake', wake));
  }

  subscribe(listener: (wake: Wake) => void): () => void {
    this.emitter.on('wake', listener);
    return () => this.emitter.off('wake', listener);
  }
}
