import pg from 'pg';

/**
 * A connection whose loss nobody listens for is no reason to end the process: who uses it sees the error of the statement, and
 * the pool makes a new one. Pools take every listener off a connection that they let go, and Postgres's last words ("terminating
 * connection due to unexpected postmaster exit") may come after that; a bare client would throw them at the process.
 */
export class SteadyClient extends pg.Client {
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event === 'error' && this.listenerCount('error') === 0) return false;
    return super.emit(event, ...args);
  }
}
