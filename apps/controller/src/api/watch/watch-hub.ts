/**
 * Tells watchers what happened. One reader for all of them asks Postgres now and then, and at once after a wake-up; with nobody
 * watching it does not ask at all. Every event reaches every watcher at least once, in the order of becoming known.
 */
import type { ControllerBus } from '../../bus/bus.ts';
import type { Clock } from '../../common/clock.ts';
import { firstIdAt, isUuid, timeOf } from '../../common/ids.ts';
import { logger } from '../../common/log.ts';
import { Problem } from '../../common/problem.ts';
import type { Actor } from '../api-tokens.ts';
import type { EventStream } from '../route.ts';
import { type EventLog, OVERLAP_MS, PAGE } from './event-log.ts';
import { type Show, Watcher } from './watcher.ts';

const log = logger('watch');

const WATCHERS_MAX = 200;
export const WATCHERS_PER_TOKEN_MAX = 20;
/** Who was away longer reads the lists again. */
const REPLAY_MS_MAX = 24 * 3_600_000;

export interface WatchTimes {
  readonly pollMs: number;
  /** Shortest time between two looks, however many wake-ups come. */
  readonly restMs: number;
  readonly heartbeatMs: number;
  /** How long a reader that catches up may leave a page unread. */
  readonly unreadMs: number;
}

const TIMES: WatchTimes = { pollMs: 1_000, restMs: 100, heartbeatMs: 15_000, unreadMs: 30_000 };

export class WatchHub {
  private readonly watchers = new Set<Watcher>();
  /** Those that are about to become watchers: they count, or many at once would all find room. */
  private readonly opening = new Set<Watcher>();
  private beginning: Promise<void> | null = null;
  private seen: ReadonlySet<string> = new Set();
  /** Hosts with a new line of progress; each is told once for every look, however many lines came. */
  private progressed = new Set<string>();
  private timer: NodeJS.Timeout | null = null;
  private lookAt = 0;
  private looking: Promise<void> = Promise.resolve();
  private lastBeat = 0;
  private stopListening: (() => void) | null = null;
  private isStopped = false;

  constructor(
    private readonly events: EventLog,
    private readonly clock: Clock,
    private readonly bus: ControllerBus,
    private readonly times: WatchTimes = TIMES,
  ) {}

  async open(actor: Actor, { response, lastEventId }: EventStream, show: Show): Promise<void> {
    const { tokenId } = actor;
    if (tokenId === null || this.isStopped) throw stopping();
    const all = [...this.watchers, ...this.opening];
    const own = all.filter((one) => one.tokenId === tokenId).length;
    if (all.length >= WATCHERS_MAX || own >= WATCHERS_PER_TOKEN_MAX)
      throw new Problem('RATE_LIMITED', `${own} watches of this token are open, ${all.length} in all.`);
    const watcher = new Watcher(tokenId, response, show);
    this.opening.add(watcher);
    await this.begin().finally(() => this.opening.delete(watcher));
    if (this.isStopped) throw stopping();
    // It hung up meanwhile, and nothing would say so a second time.
    if (!watcher.isOpen) return;
    const now = this.clock.now().getTime();
    watcher.open(firstIdAt(now));
    this.watchers.add(watcher);
    watcher.onClose(() => this.leave(watcher));
    this.attend();
    await this.catchUp(watcher, lastEventId, now);
  }

  /** Looks now: something changed that watchers should feel at once, such as a token. */
  soon(): void {
    if (this.watchers.size > 0) this.plan(this.times.restMs);
  }

  stop(): void {
    this.isStopped = true;
    for (const watcher of this.watchers) watcher.end();
  }

  /** The first watchers find the present as known: asked once for all of them, or what a second answer knows none is told. */
  private begin(): Promise<void> {
    if (this.watchers.size > 0) return Promise.resolve();
    this.beginning ??= this.learnPresent().finally(() => {
      this.beginning = null;
    });
    return this.beginning;
  }

  private async learnPresent(): Promise<void> {
    this.seen = new Set(await this.events.idsSince(this.since()));
  }

  private attend(): void {
    this.stopListening ??= this.bus.subscribe(({ kind, hostId }) => {
      // Progress waits for the next look: nothing is decided by it.
      if (kind === 'progress') this.progressed.add(hostId);
      else this.soon();
    });
    this.plan(this.times.pollMs);
  }

  private leave(watcher: Watcher): void {
    this.watchers.delete(watcher);
    if (this.watchers.size > 0) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.progressed.clear();
    this.stopListening?.();
    this.stopListening = null;
  }

  private async catchUp(watcher: Watcher, lastEventId: string | null, now: number): Promise<void> {
    // Whatever becomes known from now on is no older than this: only so far back can the past and the present meet.
    const sent = new SentSince(now - OVERLAP_MS);
    if (lastEventId !== null && isUuid(lastEventId)) {
      const from = timeOf(lastEventId);
      // From a time to come: the clock was set back, and what was missed since is not known by ids.
      if (from < now - REPLAY_MS_MAX || from > now + OVERLAP_MS) watcher.resync();
      else await this.replay(watcher, firstIdAt(from - OVERLAP_MS), lastEventId.toLowerCase(), sent);
    }
    watcher.goLive(sent.ids);
  }

  private async replay(watcher: Watcher, from: string, known: string, sent: SentSince): Promise<void> {
    for (let after = from; watcher.isOpen; ) {
      const page = await this.events.after(after);
      await watcher.sendPast(
        page.filter(({ id }) => id !== known),
        this.times.unreadMs,
      );
      for (const { id } of page) sent.add(id);
      const last = page.at(-1);
      if (page.length < PAGE || last === undefined) return;
      after = last.id;
    }
  }

  /** The sooner look stays: wake-ups that never end must not put it off for ever. */
  private plan(ms: number): void {
    const at = performance.now() + ms;
    if (this.timer !== null && this.lookAt <= at) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.lookAt = at;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.looking = this.looking.then(() => this.look());
    }, ms).unref();
  }

  private async look(): Promise<void> {
    try {
      await this.tellNew();
      await this.tellProgress();
      await this.cutRevoked();
      this.beat();
    } catch (error) {
      log(`looking for events failed: ${String(error)}`);
    }
    if (this.watchers.size > 0) this.plan(this.times.pollMs);
  }

  private async tellNew(): Promise<void> {
    const since = this.since();
    const ids = await this.events.idsSince(since);
    const fresh = ids.filter((id) => !this.seen.has(id));
    this.seen = new Set(ids);
    for (let at = 0; at < fresh.length; at += PAGE) {
      const events = await this.events.byIds(fresh.slice(at, at + PAGE), since);
      for (const watcher of this.watchers) watcher.tell(events);
    }
  }

  private async tellProgress(): Promise<void> {
    const hosts = [...this.progressed];
    this.progressed = new Set();
    for (let at = 0; at < hosts.length; at += PAGE) {
      const lines = await this.events.progressOf(hosts.slice(at, at + PAGE));
      for (const watcher of this.watchers) watcher.tellProgress(lines);
    }
  }

  private async cutRevoked(): Promise<void> {
    const tokens = [...new Set([...this.watchers].map(({ tokenId }) => tokenId))];
    if (tokens.length === 0) return;
    const revoked = await this.events.revokedOf(tokens);
    for (const watcher of this.watchers) if (revoked.has(watcher.tokenId)) watcher.end();
  }

  private beat(): void {
    const now = performance.now();
    if (now - this.lastBeat < this.times.heartbeatMs) return;
    this.lastBeat = now;
    for (const watcher of this.watchers) watcher.heartbeat();
  }

  private since(): Date {
    return new Date(this.clock.now().getTime() - OVERLAP_MS);
  }
}

function stopping(): Problem {
  return new Problem('NOT_READY', 'the controller is stopping');
}

/** Ids that a replay has sent, of those only that the present may bring once more. */
class SentSince {
  readonly ids = new Set<string>();

  constructor(private readonly sinceMs: number) {}

  add(id: string): void {
    if (timeOf(id) >= this.sinceMs) this.ids.add(id);
  }
}
