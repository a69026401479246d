/** A database that remembers the statements sent to it: what the product runs is what is explained, Prisma's queries too. */
import pg from 'pg';
import { Database } from '../../../apps/controller/src/db/database.ts';
import type { OpenedDatabase } from '../../../apps/controller/src/db/open.ts';

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

export class Recorder {
  readonly database: Database;
  private statements: Statement[] = [];

  constructor({ database, connection }: OpenedDatabase) {
    const note = (statement: Statement) => this.statements.push(statement);
    class RecordingClient extends pg.Client {
      // biome-ignore lint/suspicious/noExplicitAny: pg's own overloads; every one of them is passed on as it came.
      override query(...args: any[]): any {
        const [first, second] = args as [string | { text?: string; values?: unknown[] }, unknown];
        const text = typeof first === 'string' ? first : first.text;
        const values = Array.isArray(second) ? second : typeof first === 'string' ? [] : (first.values ?? []);
        if (text !== undefined && /^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b/i.test(text)) note({ text, values });
        return super.query(...(args as [string]));
      }
    }
    const pool = new pg.Pool({ ...connection, max: 4, Client: RecordingClient });
    // When Postgres stops, connections that were just let go may still hear of it.
    pool.on('error', () => {});
    this.database = new Database(pool, database.fleetId, database.siteId);
  }

  /** What `work` sent, each statement once. */
  async record(work: () => Promise<unknown>): Promise<readonly Statement[]> {
    this.statements = [];
    await work();
    return [...new Map(this.statements.map((statement) => [statement.text, statement])).values()];
  }

  close(): Promise<void> {
    return this.database.close();
  }
}
