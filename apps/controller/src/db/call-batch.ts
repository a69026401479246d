/**
 * Calls of many hosts, done together: what arrives while a batch is under way goes with the next one, in one transaction, and each
 * call is answered only after its commit. No call can spoil another's: when Postgres refuses a batch, or it fails before its commit,
 * which undoes all of it, each is done alone; and a batch never waits for a row that somebody else holds, as a call that would have to comes back as `HELD` and
 * is done alone too.
 */
import pg from 'pg';
import { isAway } from './problem-of.ts';
import { isKnownUndone } from './undone.ts';

export const HELD = Symbol('a row of this call is held by somebody else');

/** What became of one call. `refused` is its own affair: the others of its batch go on. */
export type CallResult<Reply> = { readonly reply: Reply } | { readonly refused: Error } | typeof HELD;

/** Does all calls, in one transaction; answers in their order. `alone` = one call, which may wait for rows and is never HELD. */
export type BatchWork<Call, Reply> = (calls: readonly Call[], alone: boolean) => Promise<readonly CallResult<Reply>[]>;

export interface BatchOptions<Call> {
  /** Calls of the same key never meet in one batch. */
  readonly keyOf: (call: Call) => string;
  /** What a call weighs, in bytes. */
  readonly bytesOf?: (call: Call) => number;
}

interface Waiting<Call, Reply> {
  readonly call: Call;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

const CALLS_MAX = 200;
/** Calls done alone at once: each holds a connection while it waits for its row. */
const ALONE_MAX = 4;
const BYTES_MAX = 8 * 1024 * 1024;

export class CallBatch<Call, Reply> {
  private waiting: Waiting<Call, Reply>[] = [];
  private isRunning = false;
  private readonly toDoAlone: Waiting<Call, Reply>[] = [];
  private alone = 0;

  constructor(
    private readonly work: BatchWork<Call, Reply>,
    private readonly options: BatchOptions<Call>,
  ) {}

  add(call: Call): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ call, resolve, reject });
      if (this.isRunning) return;
      this.isRunning = true;
      // Not at once: what arrived with it goes with it. Under load the batch before is what the next one gathers behind.
      setImmediate(() => void this.runAll());
    });
  }

  private async runAll(): Promise<void> {
    while (this.waiting.length > 0) await this.runOnce(this.takeNext());
    this.isRunning = false;
  }

  private takeNext(): readonly Waiting<Call, Reply>[] {
    const { keyOf, bytesOf = () => 0 } = this.options;
    const keys = new Set<string>();
    let bytes = 0;
    const taken = this.waiting.filter(({ call }) => {
      const fits = keys.size === 0 || (keys.size < CALLS_MAX && bytes + bytesOf(call) <= BYTES_MAX);
      if (!fits || keys.has(keyOf(call))) return false;
      keys.add(keyOf(call));
      bytes += bytesOf(call);
      return true;
    });
    const isTaken = new Set(taken);
    this.waiting = this.waiting.filter((one) => !isTaken.has(one));
    return taken;
  }

  private async runOnce(batch: readonly Waiting<Call, Reply>[]): Promise<void> {
    const calls = batch.map(({ call }) => call);
    try {
      const results = await this.work(calls, false);
      this.doAlone(batch.filter((one, index) => !settle(one, results[index])));
    } catch (error) {
      if (batch.length > 1 && isUndone(error)) this.doAlone(batch);
      else for (const { reject } of batch) reject(error);
    }
  }

  /** Beside the batches: a call that waits for its row holds up nobody else. */
  private doAlone(calls: readonly Waiting<Call, Reply>[]): void {
    this.toDoAlone.push(...calls);
    while (this.alone < ALONE_MAX && this.toDoAlone.length > 0) void this.runAlone();
  }

  private async runAlone(): Promise<void> {
    this.alone += 1;
    for (let one = this.toDoAlone.shift(); one !== undefined; one = this.toDoAlone.shift()) {
      try {
        const [result] = await this.work([one.call], true);
        if (!settle(one, result)) throw new Error('a call that was done alone has no answer');
      } catch (error) {
        one.reject(error);
      }
    }
    this.alone -= 1;
  }
}

function settle<Reply>({ resolve, reject }: Waiting<unknown, Reply>, result: CallResult<Reply> | undefined): boolean {
  if (result === undefined || result === HELD) return false;
  if ('refused' in result) reject(result.refused);
  else resolve(result.reply);
  return true;
}

/**
 * Postgres itself refused, or our own code failed before the commit: nothing was committed. After a broken connection nobody knows, and
 * then nothing may be done again; while Postgres is away nothing should be.
 */
function isUndone(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return !/^(08|57P|58|XX)/.test(error.code ?? '08000');
  return isKnownUndone(error) && !isAway(error);
}
