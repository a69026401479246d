import type { Socket } from 'node:net';
import pg from 'pg';
import { Problem } from '../common/problem.ts';

/** For reaching a server and signing in. A network that swallows packets would hold up the caller for ever. */
const CONNECT_MS = 10_000;
/** Above every limit of ours on a statement or a lock: who is silent so long is gone, and a broken network tells nobody. */
const SILENCE_MS = 60_000;

/** The part of pg's client that its types leave out. */
interface Inside {
  readonly connection: { readonly stream: Socket };
  readonly readyForQuery: boolean;
}

/**
 * A connection whose loss nobody listens for is no reason to end the process: who uses it sees the error of the statement, and
 * the pool makes a new one. Pools take every listener off a connection that they let go, and Postgres's last words ("terminating
 * connection due to unexpected postmaster exit") may come after that; a bare client would throw them at the process.
 *
 * A server that does not answer is a NOT_READY that says which one and what to look at.
 */
export class SteadyClient extends pg.Client {
  constructor(config: pg.ClientConfig = {}) {
    super({ connectionTimeoutMillis: CONNECT_MS, ...config });
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event === 'error' && this.listenerCount('error') === 0) return false;
    return super.emit(event, ...args);
  }

  override connect(): Promise<pg.Client>;
  override connect(callback: ((error: Error) => void) | ((error: null, client: pg.Client) => void)): void;
  override connect(
    callback?: ((error: Error) => void) | ((error: null, client: pg.Client) => void),
  ): Promise<pg.Client> | undefined {
    const connected = super.connect().then(
      () => {
        this.onConnected();
        return this;
      },
      (error: Error) => {
        throw error.message === 'timeout expired' ? this.noAnswer() : error;
      },
    );
    if (callback === undefined) return connected;
    const done = callback as (error: Error | null, client?: pg.Client) => void;
    connected.then(
      (client) => process.nextTick(done, null, client),
      (error: Error) => process.nextTick(done, error),
    );
    return undefined;
  }

  protected onConnected(): void {}

  protected noAnswer(): Problem {
    return new Problem(
      'NOT_READY',
      `Postgres at ${this.host}:${this.port} does not answer. Check that it runs there, that DATABASE_URL names the right host and port, and that nothing in between drops what is sent (firewall, VPN).`,
    );
  }
}

/**
 * For pools, whose statements are all short: one that a server leaves without a word for too long ends with its connection. What
 * may rightly take longer (a migration, an export, waiting for another controller) has a connection of its own.
 */
export class PooledClient extends SteadyClient {
  protected readonly silenceMs: number = SILENCE_MS;

  protected override onConnected(): void {
    const { connection } = this as unknown as Inside;
    const { stream } = connection;
    stream.setTimeout(this.silenceMs, () => {
      // One that nobody uses may be silent, and so may one that listens.
      if (!(this as unknown as Inside).readyForQuery) stream.destroy(this.noAnswer());
    });
  }
}
