/** Goal: a pair never witnessed here starts with one Mac, in every rollout that asks for witnesses, and in no other. */
import { describe, expect, it } from 'vitest';
import { ring, START, strategy, target } from '../../testing/sample-rollout.ts';
import { ringOf } from './assign.ts';
import { decideRollout } from './decide.ts';
import { withFirstMacs } from './first-macs.ts';

const mac = (hostId: string, variant: string) => ({ hostId, variant, build: '23F79', labels: [] });
const UNSEEN = ['a', 'b', 'c', 'd'].map((id) => mac(id, 'T6020')).concat(mac('e', 'T8122'));
const asked = strategy({ success: 'witnessed' });

describe('a rollout that asks for witnesses', () => {
  it('puts one Mac of each pair never witnessed before all others, and says why', () => {
    const { rings } = withFirstMacs(asked, UNSEEN);
    expect(rings.map(({ name }) => name)).toEqual([
      'first T6020 23F79',
      'first T8122 23F79',
      'first',
      'second',
      'rest',
    ]);
    expect(rings[1]).toMatchObject({
      take: { hostIds: ['e'] },
      reason: 'T8122 on 23F79 was never witnessed here: one Mac first.',
    });
    const sizes = ['a', 'b', 'c', 'd', 'e'].map((hostId) => ringOf({ ...asked, rings }, { hostId, labels: [] }));
    expect(sizes.filter((index) => index === 0)).toHaveLength(1);
    expect(sizes.filter((index) => index === 1)).toHaveLength(1);
  });

  it('takes a Mac that would have been early anyway', () => {
    const early = strategy({
      success: 'witnessed',
      rings: [ring('pilots', { take: { kind: 'hosts', hostIds: ['c'] } }), ring('rest')],
    });
    expect(withFirstMacs(early, UNSEEN).rings[0]?.take).toEqual({ kind: 'hosts', hostIds: ['c'] });
  });

  it('opens nothing else before that Mac is witnessed', () => {
    const { rings } = withFirstMacs(asked, UNSEEN.slice(0, 4));
    const rollout = { state: 'running' as const, strategy: { ...asked, rings }, gatesOpened: [] };
    const others = ['x', 'y'].map((id) => target(id, 1));
    const first = target('a', 0);
    expect(decideRollout(rollout, [first, ...others], START).open).toEqual(['a']);
    expect(decideRollout(rollout, [{ ...first, state: 'opened' }, ...others], START).open).toEqual([]);
    const done = { ...first, state: 'succeeded' as const, endedAt: START };
    expect(decideRollout(rollout, [done, ...others], START).open).toEqual(['x', 'y']);
  });

  it('is left as it is when raised is enough, or every pair was witnessed', () => {
    expect(withFirstMacs(strategy(), UNSEEN)).toEqual(strategy());
    expect(withFirstMacs(asked, [])).toEqual(asked);
  });
});
