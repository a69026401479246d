/**
 * One open answer of events. What waits for a slow reader is bounded: past the bound it is cut off, and comes back with the id
 * of the last event that it read.
 */
import type { ServerResponse } from 'node:http';
import { EVENT_STREAM } from '../route.ts';
import type { LoggedEvent, ProgressLine } from './event-log.ts';

export const WAITING_BYTES_MAX = 1024 * 1024;
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
    else this.held.push(...events);
  }

  /** Without an id: a line of progress is no event to come back to. */
  tellProgress(lines: readonly ProgressLine[]): void {
    if (this.held !== null) return;
    this.write(lines.map((line) => textOf(this.show.progress(line))).join(''));
  }

  /** Sends a page of the past, and waits until it is on its way. */
  async sendPast(events: readonly LoggedEvent[]): Promise<void> {
    this.send(events);
    if (this.isOpen && this.response.writableNeedDrain)
      await new Promise<void>((resolve) => {
        this.response.once('drain', resolve).once('close', resolve);
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
    if (this.response.writableLength > WAITING_BYTES_MAX) this.response.destroy();
    else this.response.write(text);
  }
}

function textOf(shown: Shown): string {
  return shown === null ? '' : `event: ${shown.name}\ndata: ${JSON.stringify(shown.data)}\n\n`;
}
