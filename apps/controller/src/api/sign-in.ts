/**
 * Who calls, by the bearer token. Whoever keeps coming with a token that is not known is told so without a look into the database: by the
 * token at first, then by the address. Behind a proxy all share one address, so a token that was good here a moment ago is looked at
 * all the same.
 */
import { FailureLimit } from '../common/failure-limit.ts';
import { logger } from '../common/log.ts';
import { Problem } from '../common/problem.ts';
import type { Database } from '../db/database.ts';
import { type Actor, actorOf, secretOf, sha256 } from './api-tokens.ts';

const log = logger('api');

/** Each other unknown token of an address counts once or a few times: one forgotten script does not use up the share of all. */
const FAILURES_PER_TOKEN = 5;
const FAILURES_PER_ADDRESS = 60;
const GOOD_MS = 3_600_000;
const GOOD_MAX = 10_000;

export class SignIn {
  private readonly tokens = new FailureLimit(FAILURES_PER_TOKEN);
  private readonly addresses = new FailureLimit(FAILURES_PER_ADDRESS);
  /** Sum of a token's secret -> when it was last good. It opens the way to the database, and nothing else. */
  private readonly good = new Map<string, number>();
  private failed = 0;
  private limited = 0;

  constructor(private readonly database: Database) {}

  /** Refuses with UNAUTHENTICATED and never says why a token is wrong. */
  async actor(header: string | undefined, address: string, at: Date): Promise<Actor> {
    const sum = sha256(secretOf(header));
    const now = at.getTime();
    if (!this.mayAsk(sum, address, now)) {
      this.limited += 1;
      throw new Problem('RATE_LIMITED', 'Too many requests with a token that is not known, from this address.');
    }
    const actor = await actorOf(this.database, sum);
    if (actor === null) {
      this.note(sum, address, now);
      throw new Problem('UNAUTHENTICATED', 'The token is not known, or was revoked.');
    }
    if (this.good.size >= GOOD_MAX) this.good.clear();
    this.good.set(sum, now);
    return actor;
  }

  /** Since the start: tokens that were looked for in vain, and requests that were refused for it without a look. */
  counts(): { readonly failed: number; readonly limited: number } {
    return { failed: this.failed, limited: this.limited };
  }

  private mayAsk(sum: string, address: string, now: number): boolean {
    const goodAt = this.good.get(sum);
    if (goodAt !== undefined && now - goodAt < GOOD_MS) return true;
    return this.tokens.allows(sum, now) && this.addresses.allows(address, now);
  }

  private note(sum: string, address: string, now: number): void {
    this.failed += 1;
    this.good.delete(sum);
    this.tokens.failed(sum, now);
    this.addresses.failed(address, now);
    if (!this.addresses.allows(address, now))
      log(`${address}: ${FAILURES_PER_ADDRESS} requests with unknown tokens within a minute; more wait for its end`);
  }
}
