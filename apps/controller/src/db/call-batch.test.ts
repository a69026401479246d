import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { type BatchWork, CallBatch, HELD } from './call-batch.ts';
import { undone } from './undone.ts';

const text = (call: string) => call;
const sqlError = (code: string) => Object.assign(new pg.DatabaseError(`refused: ${code}`, 1, 'error'), { code });
const nodeError = (code: string) => Object.assign(new Error(`write ${code}`), { code });

/** A batch that writes down which calls were done together, and `!` for those done alone. */
function recorded(answer: BatchWork<string, string>) {
  const seen: string[] = [];
  const batch = new CallBatch<string, string>(
    (calls, alone) => {
      seen.push(`${calls.join('')}${alone ? '!' : ''}`);
      return answer(calls, alone);
    },
    { keyOf: (call) => call.slice(0, 1) },
  );
  return { seen, batch };
}

const echo: BatchWork<string, string> = async (calls) => calls.map((call) => ({ reply: call.toLowerCase() }));

describe('calls that are done together', () => {
  it('are those of one moment, and then those that arrived meanwhile', async () => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { seen, batch } = recorded(async (calls, alone) => {
      if (calls.includes('A')) await gate;
      return echo(calls, alone);
    });
    const first = ['A', 'B'].map((call) => batch.add(call));
    await sleep(20);
    const second = ['C', 'D', 'E'].map((call) => batch.add(call));
    await sleep(20);
    expect(seen).toEqual(['AB']);
    go();
    expect(await Promise.all([...first, ...second])).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(seen).toEqual(['AB', 'CDE']);
  });

  it('are never two of one key, and never too heavy', async () => {
    const { seen, batch } = recorded(echo);
    await Promise.all(['A1', 'B1', 'A2', 'A3', 'B2'].map((call) => batch.add(call)));
    expect(seen).toEqual(['A1B1', 'A2B2', 'A3']);
    seen.length = 0;
    const keys = new CallBatch<string, string>(
      async (calls) => {
        seen.push(calls.join(' '));
        return calls.map((reply) => ({ reply }));
      },
      { keyOf: text, bytesOf: () => 5 * 1024 * 1024 },
    );
    await Promise.all(['x', 'y'].map((call) => keys.add(call)));
    expect(seen).toEqual(['x', 'y']);
  });

  it('do not share a refusal', async () => {
    const { seen, batch } = recorded(async (calls) =>
      calls.map((call) => (call === 'B' ? { refused: new Error('only B') } : { reply: call })),
    );
    const answers = await Promise.allSettled(['A', 'B', 'C'].map((call) => batch.add(call)));
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(seen).toEqual(['ABC']);
  });

  it('are done alone when Postgres refuses them together', async () => {
    const { seen, batch } = recorded(async (calls, alone) => {
      if (calls.includes('B')) throw sqlError('22003');
      return echo(calls, alone);
    });
    const answers = await Promise.allSettled(['A', 'B', 'C'].map((call) => batch.add(call)));
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(seen).toEqual(['ABC', 'A!', 'B!', 'C!']);
  });

  it('are done alone when they fail before anything was committed', async () => {
    const { seen, batch } = recorded(async (calls, alone) => {
      if (calls.includes('B')) throw undone(new RangeError('Maximum call stack size exceeded'));
      return echo(calls, alone);
    });
    const answers = await Promise.allSettled(['A', 'B', 'C'].map((call) => batch.add(call)));
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(seen).toEqual(['ABC', 'A!', 'B!', 'C!']);
  });

  it('are not done again when Postgres is away, though nothing was committed', async () => {
    const { seen, batch } = recorded(async () => {
      throw undone(nodeError('ECONNREFUSED'));
    });
    await Promise.allSettled(['A', 'B'].map((call) => batch.add(call)));
    expect(seen).toEqual(['AB']);
  });

  it.each([sqlError('57P01'), sqlError('08006'), nodeError('EPIPE'), new Error('Connection terminated unexpectedly')])(
    'are not done again when nobody knows what became of them: %s',
    async (error) => {
      const { seen, batch } = recorded(async () => {
        throw error;
      });
      const answers = await Promise.allSettled(['A', 'B'].map((call) => batch.add(call)));
      expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      expect(seen).toEqual(['AB']);
      await expect(batch.add('C')).rejects.toBe(error);
    },
  );

  it('do not wait for one whose row is held, which is done alone', async () => {
    let free = () => {};
    const row = new Promise<void>((resolve) => {
      free = resolve;
    });
    const { seen, batch } = recorded(async (calls, alone) => {
      if (alone) await row;
      return calls.map((call) => (call === 'B' && !alone ? HELD : { reply: call }));
    });
    const held = batch.add('B');
    expect(await Promise.all([batch.add('A'), batch.add('C')])).toEqual(['A', 'C']);
    expect(await batch.add('D')).toBe('D');
    expect(seen).toEqual(['BAC', 'B!', 'D']);
    free();
    expect(await held).toBe('B');
  });
});
