/**
 * One open answer of events. What waits for a slow reader is bounded, in bytes, in events and in time: past a bound it is cut off, and
 * comes back with the id of the last event that it read.
 */
import type { ServerResponse } from 'node:http';
import { EVENT_STREAM } from '../route.ts';
import type { LoggedEvent, ProgressLine } from './event-log.ts';

const WAITING_BYTES_MAX = 1024 * 1024;
/** Events that may become known while a reader catches up. */
export const HELD_MAX = 5_000;
const RETRY_MS = 2_000;

/** null = nothing, this watcher does not ask for it. */
export type Shown = { readonly name: string; readonly data: object } | null;

/** What is shown of an event, and of a job's progress. */
export interface Show {
  readonly event: (event: LoggedEvent) => Shown;
  readonly progress: (line: ProgressLine) => Shown;
}

export class Watcher {
  /** Events that became known while it still catches up; null = it is live. */
  private held: LoggedEvent[] | null = [];

  constructor(
    readonly tokenId: string,
    private readonly response: ServerResponse,
    private readonly show: Show,
  ) {}

  get isOpen(): boolean {
    return !this.response.destroyed && !this.response.writableEnded;
  }

  onClose(listener: () => void): void {
    this.response.once('close', listener);
  }

  /** `id` stands for "everything before this is known". */
  open(id: string): void {
    const { response } = this;
    response.statusCode = 200;
    response.setHeader('Content-Type', `${EVENT_STREAM}; charset=utf-8`);
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('X-Accel-Buffering', 'no');
    this.write(`retry: ${RETRY_MS}\nid: ${id}\nevent: ready\ndata: {}\n\n`);
  }

  /** Too much was missed to be told one by one: read the lists again. */
  resync(): void {
    this.write('event: resync\ndata: {}\n\n');
  }

  heartbeat(): void {
    this.write(': heartbeat\n\n');
  }

  tell(events: readonly LoggedEvent[]): void {
    if (this.held === null) this.send(events);
    else if (this.held.length + events.length > HELD_MAX) this.cutOff();
    else this.held.push(...events);
  }

  /** Without an id: a line of progress is no event to come back to. */
  tellProgress(lines: readonly ProgressLine[]): void {
    if (this.held !== null) return;
    this.write(lines.map((line) => textOf(this.show.progress(line))).join(''));
  }

  /** Sends a page of the past, and waits until it is on its way: so long, then the reader is cut off. */
  async sendPast(events: readonly LoggedEvent[], waitMs: number): Promise<void> {
    this.send(events);
    if (!this.isOpen || !this.response.writableNeedDrain) return;
    const { response } = this;
    await new Promise<void>((resolve) => {
      const unread = setTimeout(() => this.cutOff(), waitMs);
      const done = () => {
        clearTimeout(unread);
        response.off('drain', done).off('close', done);
        resolve();
      };
      response.on('drain', done).on('close', done);
    });
  }

  /** From now on events go out as they come; those held go first, unless they were part of the past. */
  goLive(sent: ReadonlySet<string>): void {
    const held = this.held ?? [];
    this.held = null;
    this.send(held.filter(({ id }) => !sent.has(id)));
  }

  end(): void {
    this.response.end();
  }

  private cutOff(): void {
    this.held = [];
    this.response.destroy();
  }

  private send(events: readonly LoggedEvent[]): void {
    const lines = events.map((event) => {
      const text = textOf(this.show.event(event));
      return text === '' ? '' : `id: ${event.id}\n${text}`;
    });
    this.write(lines.join(''));
  }

  private write(text: string): void {
    if (text === '' || !this.isOpen) return;
    // Asked before writing: one large batch must not cut off a reader that keeps up.
    if (this.response.writableLength > WAITING_BYTES_MAX) this.cutOff();
    else this.response.write(text);
  }
}

function textOf(shown: Shown): string {
  return shown === null ? '' : `event: ${shown.name}\ndata: ${JSON.stringify(shown.data)}\n\n`;
}
