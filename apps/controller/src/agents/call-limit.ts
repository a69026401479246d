/**
 * How much one Mac may ask of a controller: far more than a good agent ever does, and little of what the controller can do. What is too
 * much is refused before anything is parsed or asked of the database, and a moment late: a stream of a connection that waits for its
 * refusal carries no other call, so an agent that calls in a loop is slow by itself. The others do not notice.
 */
import { logger } from '../common/log.ts';
import { Problem } from '../common/problem.ts';

const log = logger('agents');

/** Calls that may come at once, and how many a second lasts. A plan's eight steps on a quick simulated Mac take twenty. */
const BURST = 200;
const PER_SECOND = 20;
/** What is parsed costs as much as a call for each of these. Facts of a Mac have about 10 KB. */
const BYTES_PER_CALL = 32 * 1024;
const REFUSAL_MS = 1_000;
const LOG_EVERY_MS = 60_000;
const FORGET_EVERY_MS = 10_000;
/** Macs that are told of one by one; so many at once are no single broken Mac. */
const NAMED_MAX = 1_000;

interface Share {
  left: number;
  at: number;
}

interface Refused {
  count: number;
  toldAt: number;
}

export class CallLimit {
  private readonly shares = new Map<string, Share>();
  private readonly refusals = new Map<string, Refused>();
  private forgottenAt = 0;

  /** A clock of its own that never jumps: it measures this process, and decides nothing that is kept. */
  constructor(
    private readonly nowMs: () => number = () => performance.now(),
    private readonly namedMax = NAMED_MAX,
  ) {}

  /** true = the call may go on. */
  take(hostId: string, weight: number): boolean {
    const now = this.nowMs();
    this.forgetIdle(now);
    const share = this.shares.get(hostId) ?? { left: BURST, at: now };
    share.left = leftOf(share, now);
    share.at = now;
    this.shares.set(hostId, share);
    if (share.left < weight) return false;
    share.left -= weight;
    return true;
  }

  /** Comes late on purpose. */
  async refusal(hostId: string): Promise<Problem> {
    const refused = this.note(hostId);
    const now = this.nowMs();
    if (now - refused.toldAt >= LOG_EVERY_MS) {
      refused.toldAt = now;
      log(`host ${hostId} calls too often: ${refused.count} calls refused so far`);
    }
    await new Promise((resolve) => setTimeout(resolve, REFUSAL_MS).unref());
    return new Problem('RATE_LIMITED', `host ${hostId} called more than ${PER_SECOND} times a second for a while`);
  }

  /** Of this process, since its start. */
  refused(): readonly (readonly [hostId: string, calls: number])[] {
    return [...this.refusals].map(([hostId, { count }]) => [hostId, count]);
  }

  private note(hostId: string): Refused {
    const name = this.refusals.has(hostId) || this.refusals.size < this.namedMax ? hostId : 'others';
    const refused = this.refusals.get(name) ?? { count: 0, toldAt: Number.NEGATIVE_INFINITY };
    refused.count += 1;
    this.refusals.set(name, refused);
    return refused;
  }

  /** Who has a full share again needs no memory. */
  private forgetIdle(now: number): void {
    if (now - this.forgottenAt < FORGET_EVERY_MS) return;
    this.forgottenAt = now;
    for (const [hostId, share] of this.shares) if (leftOf(share, now) >= BURST) this.shares.delete(hostId);
  }
}

function leftOf({ left, at }: Share, now: number): number {
  return Math.min(BURST, left + ((now - at) / 1000) * PER_SECOND);
}

/** One call, and what it brings. */
export function weightOf(request: object): number {
  let bytes = 0;
  for (const value of Object.values(request))
    if (value instanceof Uint8Array || typeof value === 'string') bytes += value.length;
  return 1 + bytes / BYTES_PER_CALL;
}
