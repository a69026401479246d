import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { isUuid } from '../common/ids.ts';
import { type Closable, KeptOpen, within } from '../common/kept-open.ts';
import { logger } from '../common/log.ts';
import { connectRedis, redisName } from '../redis/redis-client.ts';
import { ControllerBus, InProcessBus, WAKE_KINDS, type Wake } from './bus.ts';

const log = logger('bus');
const WAKES_PER_MESSAGE = 500;
/** Above what a full message takes; anything longer is not from us. */
const MESSAGE_CHARS_MAX = 64 * 1024;
/** A Redis, or a network, that is silent tells nobody: each link says a word to itself so often, and hears it before the next. */
const ECHO_MS = 10_000;
/** Messages that Redis has not taken yet. What comes beyond is lost, as wake-ups may be; it is not kept until memory is gone. */
const UNANSWERED_MAX = 1_000;
const SUBSCRIBE_MS = 3_000;
const QUIT_MS = 1_000;

interface Link extends Closable {
  send(message: string): void;
}

/**
 * For several controllers on one fleet: Redis pub/sub. This process hears its own wake-ups without Redis; while Redis is away
 * the others find theirs by their timers.
 */
export class RedisBus extends ControllerBus {
  private readonly here = new InProcessBus();
  private readonly sender = randomUUID();
  private readonly link: KeptOpen<Link>;
  /** By kind and host: what waits to be sent at the end of this turn. */
  private outbox = new Map<string, Wake>();

  private constructor(url: string, fleetId: string, echoMs: number) {
    super();
    const channel = `${redisName(fleetId)}:bus`;
    const hear = (message: string) => this.hear(message);
    const echo = { text: this.textOf([]), everyMs: echoMs };
    const meanwhile = 'meanwhile each controller finds by its timer what others did';
    this.link = new KeptOpen(
      'the bus in Redis',
      meanwhile,
      (broken) => openLink(url, channel, hear, echo, broken),
      log,
    );
  }

  /** Returns after the first try to reach Redis, however that ended. */
  static async connect(url: string, fleetId: string, echoMs = ECHO_MS): Promise<RedisBus> {
    const bus = new RedisBus(url, fleetId, echoMs);
    await bus.link.start();
    return bus;
  }

  publish(wake: Wake): void {
    this.here.publish(wake);
    if (this.outbox.size === 0) setImmediate(() => this.flush());
    this.outbox.set(`${wake.kind} ${wake.hostId}`, wake);
  }

  subscribe(listener: (wake: Wake) => void): () => void {
    return this.here.subscribe(listener);
  }

  async close(): Promise<void> {
    this.flush();
    await this.link.close();
    await this.here.close();
  }

  private flush(): void {
    const wakes = [...this.outbox.values()];
    this.outbox = new Map();
    for (let from = 0; from < wakes.length; from += WAKES_PER_MESSAGE) {
      this.link.current?.send(this.textOf(wakes.slice(from, from + WAKES_PER_MESSAGE)));
    }
  }

  private textOf(wakes: readonly Wake[]): string {
    return JSON.stringify({ sender: this.sender, wakes });
  }

  private hear(message: string): void {
    const read = readMessage(message);
    if (read === null) log('a message on our channel is not ours; ignored');
    else if (read.sender !== this.sender) for (const wake of read.wakes) this.here.publish(wake);
  }
}

interface Echo {
  readonly text: string;
  readonly everyMs: number;
}

/** Redis takes no other command on a connection that listens, hence two. */
async function openLink(
  url: string,
  channel: string,
  hear: (message: string) => void,
  echo: Echo,
  broken: (error: Error) => void,
): Promise<Link> {
  const sender = await connectRedis(url, broken);
  try {
    const listener = await connectRedis(url, broken);
    let isHeard = true;
    listener.on('message', (_channel: string, message: string) => {
      if (message === echo.text) isHeard = true;
      else hear(message);
    });
    await within(SUBSCRIBE_MS, 'Redis', listener.subscribe(channel));
    const send = sendingBy(sender, channel, broken);
    const listening = setInterval(() => {
      if (!isHeard) broken(new Error(`it passed nothing on for ${echo.everyMs} ms`));
      isHeard = false;
      send(echo.text);
    }, echo.everyMs).unref();
    return {
      send,
      async close() {
        clearInterval(listening);
        listener.disconnect();
        // What was said before the end still goes out, unless Redis is away or silent.
        await within(QUIT_MS, 'Redis', sender.quit()).catch(() => sender.disconnect());
      },
    };
  } catch (error) {
    sender.disconnect();
    throw error;
  }
}

function sendingBy(sender: Redis, channel: string, broken: (error: Error) => void): (message: string) => void {
  let unanswered = 0;
  return (message) => {
    if (unanswered >= UNANSWERED_MAX) return;
    unanswered += 1;
    const answered = () => {
      unanswered -= 1;
    };
    sender.publish(channel, message).then(answered, broken);
  };
}

interface Message {
  readonly sender: string;
  readonly wakes: readonly Wake[];
}

/** Redis is shared with others: nothing is believed. A kind that we do not know, from a newer controller, is left out. */
function readMessage(text: string): Message | null {
  if (text.length > MESSAGE_CHARS_MAX) return null;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const { sender, wakes } = (json ?? {}) as { sender?: unknown; wakes?: unknown };
  if (typeof sender !== 'string' || !Array.isArray(wakes)) return null;
  return { sender, wakes: wakes.filter(isWake).map(({ kind, hostId }) => ({ kind, hostId })) };
}

function isWake(value: unknown): value is Wake {
  const { kind, hostId } = (value ?? {}) as { kind?: unknown; hostId?: unknown };
  return typeof hostId === 'string' && isUuid(hostId) && WAKE_KINDS.some((known) => known === kind);
}
