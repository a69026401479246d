/** Goal: a risky update keeps the visit back until somebody takes the risk of exactly it, and a host is told what the verdict rests on. */
import { describe, expect, it } from 'vitest';
import {
  CATALOGUE,
  KDK,
  KIT,
  kitPlacedFacts,
  NEW_RECORD,
  RAISED_RECORD,
  raisedFacts,
  raisedInput,
  STOCK_INTENT,
  sampleInput,
  stockFacts,
} from '../../testing/sample-host.ts';
import { evaluate } from '../evaluate.ts';
import type { EvaluateInput, UpdateAcceptance } from '../evaluate-types.ts';
import type { Facts } from '../facts.ts';

const NEXT = { version: '14.6', build: '23G80' };
const WITH_NEXT = { ...CATALOGUE, kdks: [KDK, { ...KDK, ...NEXT }] };
const OFFERED = { pending: [NEXT] };
const ACCEPTED: UpdateAcceptance = {
  id: 'a',
  targets: ['23G80'],
  reason: 'The lab is rebuilt anyway.',
  acceptedBy: 'token:ada',
  expiresAt: '2026-03-08T00:00:00.000Z',
};

const facing = (facts: Facts, update: Partial<Facts['update']>): Facts => ({
  ...facts,
  update: { ...facts.update, ...update },
});
const ready = (update: Partial<Facts['update']>, changes: Partial<EvaluateInput> = {}) => {
  const record = { ...NEW_RECORD, kc: RAISED_RECORD.kc, kit: KIT };
  return evaluate(sampleInput({ facts: facing(kitPlacedFacts(), update), record, ...changes }));
};
const raised = (update: Partial<Facts['update']>, changes: Partial<EvaluateInput> = {}) =>
  evaluate(raisedInput({ facts: facing(raisedFacts(), update), ...changes }));
const brief = ({ findings, visit }: ReturnType<typeof evaluate>) => [
  ...findings.map(({ code, severity }) => `${code} ${severity}`),
  visit === null ? 'no visit' : `${visit.kind} visit`,
];

describe('an update before a raise visit', () => {
  it.each<readonly [string, Partial<Facts['update']>, Partial<EvaluateInput>, readonly string[]]>([
    ['no KDK', OFFERED, {}, ['UPDATE_TWO_GUESTS blocker', 'no visit']],
    ['KDK there', OFFERED, { catalogue: WITH_NEXT }, ['UPDATE_SAFE note', 'raise visit']],
    ['accepted', OFFERED, { updateAcceptances: [ACCEPTED] }, ['UPDATE_ACCEPTED note', 'raise visit']],
    [
      'acceptance ended',
      OFFERED,
      { updateAcceptances: [{ ...ACCEPTED, expiresAt: '2026-03-01T12:00:00.000Z' }] },
      ['UPDATE_TWO_GUESTS blocker', 'no visit'],
    ],
    [
      'another build is accepted',
      { pending: [{ ...NEXT, build: '23G81' }] },
      { updateAcceptances: [ACCEPTED] },
      ['UPDATE_TWO_GUESTS blocker', 'no visit'],
    ],
    [
      'a new build beside an accepted one',
      { pending: [NEXT, { version: '15.1', build: '24B82' }] },
      { updateAcceptances: [ACCEPTED] },
      ['UPDATE_TWO_GUESTS blocker', 'UPDATE_ACCEPTED note', 'no visit'],
    ],
    [
      'build not known',
      { pending: [{ version: '15.1', build: null }] },
      { catalogue: WITH_NEXT },
      ['UPDATE_UNKNOWN blocker', 'no visit'],
    ],
    ['prepared, of what is not known', { prepared: true }, {}, ['UPDATE_UNKNOWN blocker', 'no visit']],
    [
      'nothing yet, but it would come by itself',
      { autoInstall: true },
      {},
      ['UPDATES_INSTALL_THEMSELVES warning', 'raise visit'],
    ],
    ['one comes, by itself', { ...OFFERED, autoInstall: true }, {}, ['UPDATE_TWO_GUESTS blocker', 'no visit']],
  ])('%s', (_name, update, changes, expected) => expect(brief(ready(update, changes))).toEqual(expected));

  it('is told with what it does to the kit, how it comes, and what it rests on', () => {
    const enforced = [{ ...NEXT, at: '2026-03-02T03:00:00' }];
    const update = { ...OFFERED, prepared: true, preparedTarget: NEXT, enforced, autoInstall: true, deferralDays: 90 };
    const [finding] = ready(update).findings;
    expect(finding?.title).toBe('macOS update 23G80: this Mac would fall back to two guests');
    for (const words of [
      'No KDK for build 23G80',
      'next shutdown',
      'at 2026-03-02T03:00:00',
      'by themselves on this Mac, 90 days after',
      'the kit is stale: its kernel is for 23F79',
    ])
      expect(finding?.detail).toContain(words);
    expect(ready(update).updates).toMatchObject([{ target: '23G80', enforcedAt: '2026-03-02T03:00:00' }]);
  });

  it('does not keep the agent from preparing what does not depend on it', () => {
    const { steps, findings } = evaluate(sampleInput({ facts: facing(stockFacts(), OFFERED) }));
    expect(steps?.map(({ kind }) => kind)).toEqual(['install_kdk', 'build_kc', 'place_kit']);
    expect(findings.map(({ code }) => code)).toContain('UPDATE_TWO_GUESTS');
  });

  it('is looked at again when the acceptance ends', () => {
    expect(ready(OFFERED, { updateAcceptances: [ACCEPTED] }).reviewAt?.toISOString()).toBe(ACCEPTED.expiresAt);
  });
});

describe('an update of a raised Mac', () => {
  it.each<readonly [string, Partial<Facts['update']>, Partial<EvaluateInput>, readonly string[]]>([
    ['no KDK', OFFERED, {}, ['UPDATE_NO_BOOT warning', 'no visit']],
    ['KDK there', OFFERED, { catalogue: WITH_NEXT }, ['UPDATE_SAFE note', 'no visit']],
    [
      'KDK there, and prepared',
      { ...OFFERED, prepared: true, preparedTarget: NEXT },
      { catalogue: WITH_NEXT },
      ['UPDATE_REVERT_FIRST warning', 'no visit'],
    ],
    [
      'KDK there, and enforced tonight',
      { ...OFFERED, enforced: [{ ...NEXT, at: '2026-03-02T03:00:00' }] },
      { catalogue: WITH_NEXT },
      ['UPDATE_REVERT_FIRST warning', 'no visit'],
    ],
    [
      'prepared, and nobody tells what',
      { prepared: true, preparedTarget: null },
      {},
      ['UPDATE_UNKNOWN warning', 'UPDATE_REVERT_FIRST warning', 'no visit'],
    ],
    [
      'no KDK, and prepared: said once',
      { prepared: true, preparedTarget: NEXT },
      {},
      ['UPDATE_NO_BOOT warning', 'no visit'],
    ],
    ['accepted', OFFERED, { updateAcceptances: [ACCEPTED] }, ['UPDATE_ACCEPTED note', 'no visit']],
    [
      'stock wanted: the way back is not kept from anybody',
      OFFERED,
      { intent: STOCK_INTENT },
      ['STILL_RAISED warning', 'UPDATE_NO_BOOT warning', 'no visit'],
    ],
  ])('%s', (_name, update, changes, expected) => expect(brief(raised(update, changes))).toEqual(expected));

  it('says of a stock Mac with a prepared one that nothing is to do', () => {
    const facts = facing(stockFacts(), { ...OFFERED, prepared: true, preparedTarget: NEXT });
    const codes = evaluate(sampleInput({ facts, catalogue: WITH_NEXT })).findings.map(({ code }) => code);
    expect(codes).toEqual(['UPDATE_SAFE']);
  });

  it('leaves the state to the evidence, and names both ends', () => {
    const { state, findings } = raised(OFFERED);
    expect(state).toBe('raised');
    expect(findings[0]?.detail).toMatch(/stops at an error .* or the update rewrites .* Nobody can know which\.$/);
  });
});

describe('a restart visit', () => {
  const args = { inForce: '', storedPresent: true, stored: raisedFacts().bootArgs.stored };
  const due = (update: Partial<Facts['update']>, changes: Partial<EvaluateInput> = {}) =>
    evaluate(raisedInput({ facts: facing({ ...raisedFacts(), bootArgs: args }, update), ...changes }));

  it('waits for what a restart would install, and not for what is only offered', () => {
    expect(due({}).visit?.kind).toBe('restart');
    expect(due(OFFERED).visit?.kind).toBe('restart');
    expect(due({ prepared: true, preparedTarget: NEXT }).visit).toBeNull();
    expect(due({ prepared: true, preparedTarget: NEXT }, { updateAcceptances: [ACCEPTED] }).visit?.kind).toBe(
      'restart',
    );
  });
});

it('a Mac that shall be stock, and is, hears nothing of updates', () => {
  const { updates, findings } = evaluate(sampleInput({ facts: facing(stockFacts(), OFFERED), intent: STOCK_INTENT }));
  expect({ updates, findings }).toEqual({ updates: [], findings: [] });
});
