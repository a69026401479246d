import { describe, expect, it } from 'vitest';
import { Problem } from '../common/problem.ts';
import { eachApart } from './each-apart.ts';

async function tried(failures: Readonly<Record<string, Error>>): Promise<readonly [string[], string]> {
  const done: string[] = [];
  const work = async (id: string) => {
    const failure = failures[id];
    if (failure !== undefined) throw failure;
    done.push(id);
  };
  const said = await eachApart(['a', 'b', 'c', 'd'], String, work).then(
    () => 'nothing',
    (error: unknown) => String(error),
  );
  return [done, said];
}

describe('work for each, one by one', () => {
  it('is done for all others when one fails, and then says which failed', async () => {
    expect(await tried({ a: new TypeError('x'), c: new RangeError('y') })).toEqual([
      ['b', 'd'],
      'Error: a: TypeError: x; c: RangeError: y',
    ]);
  });

  it.each(['CONFLICT', 'NOT_FOUND'] as const)('is no failure where another controller was first (%s)', async (code) => {
    expect(await tried({ b: new Problem(code, 'somebody was faster') })).toEqual([['a', 'c', 'd'], 'nothing']);
  });

  it('is left for later while the database is away', async () => {
    const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    expect(await tried({ b: away })).toEqual([['a'], 'Error: connect ECONNREFUSED']);
  });

  it('goes on past two changes that met: that is the affair of one', async () => {
    const met = Object.assign(new Error('deadlock detected'), { code: '40P01' });
    expect((await tried({ b: met }))[0]).toEqual(['a', 'c', 'd']);
  });
});
