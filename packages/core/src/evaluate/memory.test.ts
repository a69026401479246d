/** Goal: a changed custom kernel is drift, drift says when and what, and only guests of the present boot witness a raise. */
import { describe, expect, it } from 'vitest';
import {
  ARGS,
  COIH,
  KC,
  KIT,
  kcStagedFacts,
  kitPlacedFacts,
  NEW_RECORD,
  RAISE_INTENT,
  RAISED_RECORD,
  raisedFacts,
  raisedInput,
  STOCK_INTENT,
  sampleInput,
  stockFacts,
} from '../../testing/sample-host.ts';
import { evaluate } from '../evaluate.ts';
import type { EvaluateInput, HostRecord, Memory } from '../evaluate-types.ts';
import type { Facts } from '../facts.ts';

const OTHER = 'B2'.repeat(48);
const LATER = new Date('2026-03-01T13:00:00.000Z');
const LATEST = new Date('2026-03-01T14:00:00.000Z');

function facts(changes: { customKernel?: string; session?: string; filesetUuid?: string } = {}): Facts {
  const raised = raisedFacts();
  const { customKernel = COIH, session = 'session-2', filesetUuid = KC.uuid } = changes;
  return {
    ...raised,
    kernel: { ...raised.kernel, filesetUuid },
    bootPolicy: { ...raised.bootPolicy, customKernel },
    boot: { ...raised.boot, sessionId: session },
  };
}

const evaluated = (changes: Partial<EvaluateInput>, memory?: Memory, record: Partial<HostRecord> = {}) =>
  evaluate(raisedInput({ ...changes, record: { ...RAISED_RECORD, ...record, memory } }));
const raised = evaluate(raisedInput());
const codes = ({ findings }: ReturnType<typeof evaluate>) => findings.map(({ code }) => code);

describe('the custom kernel of the boot policy', () => {
  it('is remembered after the first boot of our collection, and never from another boot', () => {
    const proven = { kcUuid: KC.uuid, customKernel: COIH, at: '2026-03-01T12:00:00.000Z' };
    expect(raised.memory.provenObject).toEqual(proven);
    for (const other of [
      facts({ filesetUuid: '99999999-0000-4000-8000-000000000000' }),
      { ...facts(), kernel: { ...facts().kernel, config: 'release' as const } },
      facts({ customKernel: 'absent' }),
    ])
      expect(evaluated({ facts: other }).memory.provenObject).toBeNull();
  });

  it('is drift when it changes, though our kernel still runs: the next boot would start another', () => {
    const changed = evaluated({ facts: facts({ customKernel: OTHER }), now: LATER }, raised.memory);
    expect(changed.state).toBe('drifted');
    expect(codes(changed)).toContain('CUSTOM_KERNEL_CHANGED');
    expect(changed.findings.find(({ code }) => code === 'CUSTOM_KERNEL_CHANGED')).toMatchObject({
      expected: COIH,
      seen: OTHER,
      nextStep: expect.stringMatching(/^Do not restart the Mac .* raise visit/),
      detail: expect.stringContaining(`it was ${COIH}; since 2026-03-01T13:00:00.000Z it is ${OTHER}.`),
    });
    expect(changed.visit?.kind).toBe('raise');
    expect(changed.memory.provenObject?.customKernel).toBe(COIH);
    const later = evaluated({ facts: facts({ customKernel: OTHER }), now: LATEST }, changed.memory);
    expect(later.memory.drift).toEqual(changed.memory.drift);
  });

  it('is proven anew by a visit of ours, or when our collection boots under the value that was there before', () => {
    const again = facts({ customKernel: OTHER, session: 'session-3' });
    const visited = { visitOpenedAt: '2026-03-01T12:30:00.000Z', bootFirstSeenAt: '2026-03-01T12:45:00.000Z' };
    expect(evaluated({ facts: again, now: LATER }, raised.memory).state).toBe('drifted');
    expect(evaluated({ facts: again, now: LATER }, raised.memory, visited)).toMatchObject({
      state: 'raised',
      memory: { provenObject: { customKernel: OTHER }, drift: [] },
    });
    const { memory } = evaluated({ facts: facts({ customKernel: OTHER }), now: LATER }, raised.memory);
    expect(evaluated({ facts: again, now: LATEST }, memory).state).toBe('raised');
  });

  it('is drift after a visit, too, once that boot was looked at', () => {
    const visited = { visitOpenedAt: '2026-03-01T12:30:00.000Z', bootFirstSeenAt: '2026-03-01T12:45:00.000Z' };
    const { memory } = evaluated({ facts: facts({ session: 'session-3' }), now: LATER }, raised.memory, visited);
    const changed = facts({ customKernel: OTHER, session: 'session-3' });
    const first = evaluated({ facts: changed, now: LATEST }, memory, visited);
    expect(first.state).toBe('drifted');
    expect(evaluated({ facts: changed, now: LATEST }, first.memory, visited).state).toBe('drifted');
  });

  it('goes into the kit only for the collection that ran under it', () => {
    const place = (record: Partial<HostRecord>) =>
      evaluate(sampleInput({ facts: kcStagedFacts(), record: { ...NEW_RECORD, kc: KC, ...record } })).steps?.[0];
    expect(place({})).not.toHaveProperty('provenObject');
    expect(place({ memory: raised.memory })).toMatchObject({
      provenObject: { kcUuid: KC.uuid, customKernel: COIH },
    });
  });

  it('is known as ours when the stock kernel runs under it', () => {
    const installed = { ...kitPlacedFacts(), bootPolicy: { ...raisedFacts().bootPolicy } };
    const record = { ...NEW_RECORD, kc: KC };
    expect(codes(evaluate(sampleInput({ facts: installed, record })))).toContain('OTHER_OBJECT_IN_POLICY');
    const known = evaluate(sampleInput({ facts: installed, record: { ...record, memory: raised.memory } }));
    expect(codes(known)).toContain('OBJECT_NOT_BOOTED');
    expect(known.state).toBe('object_not_booted');
  });

  it('is not spared by the visit to a Mac whose boot left it out', () => {
    const facts = { ...kitPlacedFacts(), bootPolicy: { ...raisedFacts().bootPolicy } };
    const seen = { visitOpenedAt: '2026-03-01T12:30:00.000Z', bootFirstSeenAt: '2026-03-01T12:45:00.000Z' };
    const asked = (sparesObject: boolean) =>
      evaluate(
        sampleInput({
          facts,
          record: { ...NEW_RECORD, ...seen, kc: KC, kit: { ...KIT, sparesObject }, memory: raised.memory },
        }),
      );
    const [step] = asked(true).steps ?? [];
    expect(step?.kind).toBe('place_kit');
    expect(step).not.toHaveProperty('provenObject');
    expect(asked(false)).toMatchObject({ steps: null, visit: { kind: 'raise' } });
  });
});

describe('drift', () => {
  const stock: Facts = { ...kitPlacedFacts(), bootArgs: { inForce: '', storedPresent: true, stored: ARGS } };

  it('names every piece that went, with what it was, what it is, and since when', () => {
    const gone = evaluated({ facts: stock, now: LATER }, raised.memory);
    expect(gone.state).toBe('drifted');
    const at = LATER.toISOString();
    expect(gone.memory.drift.map(({ id, was, seen, at: since }) => ({ id, was, seen, since }))).toEqual(
      expect.arrayContaining([
        { id: 'development_kernel', was: 'development', seen: 'release', since: at },
        { id: 'custom_kernel_in_policy', was: COIH, seen: 'absent', since: at },
        { id: 'quota_in_force', was: ARGS, seen: '', since: at },
      ]),
    );
    const { detail } = gone.findings.find(({ code }) => code === 'DRIFTED') ?? { detail: '' };
    for (const { was, title } of gone.memory.drift) expect(detail).toContain(`${title}: it was ${was}; since ${at}`);
  });

  it('ends when the host is raised again, and a piece that cannot be read stays what it was', () => {
    const gone = evaluated({ facts: facts({ customKernel: 'absent' }), now: LATER }, raised.memory);
    expect(gone.memory.drift.map(({ id }) => id)).toEqual(['custom_kernel_in_policy']);
    const unread = { ...facts(), bootPolicy: { ...facts().bootPolicy, customKernel: null } };
    expect(evaluated({ facts: unread, now: LATEST }, gone.memory).memory.drift).toEqual(gone.memory.drift);
    expect(evaluated({ now: LATEST }, gone.memory).memory.drift).toEqual([]);
  });

  it('is none when the plan changed and not the Mac, nor on the way back', () => {
    const other = evaluated({ intent: { ...RAISE_INTENT, quota: 8 }, now: LATER }, raised.memory);
    expect(other).toMatchObject({ state: 'raised_other_value', memory: { drift: [] } });
    const visited = evaluated({ now: LATER }, raised.memory, { visitOpenedAt: '2026-03-01T12:30:00.000Z' });
    expect(visited).toMatchObject({ state: 'reboot_due', memory: { drift: [] } });
    const back = evaluated({ intent: STOCK_INTENT, facts: stockFacts(), now: LATER }, raised.memory);
    expect(back).toMatchObject({ state: 'reverted', memory: { drift: [], held: null } });
  });
});

describe('a witness', () => {
  const at = '2026-03-01T11:00:00.000Z';
  const report = (macosGuests: number, bootSessionId = 'SESSION-2') =>
    ({ macosGuests, bootSessionId, source: 'orchard', by: 'token:orchard', at }) as const;
  const counted = (guests: Partial<Facts['guests']>): Facts => ({
    ...raisedFacts(),
    guests: { ...raisedFacts().guests, ...guests },
  });

  it.each([
    ['three guests in the present boot', report(3), raisedFacts(), 3],
    ['two guests', report(2), raisedFacts(), null],
    ['another boot', report(9, 'session-1'), raisedFacts(), null],
    ['five guests told by the agent', null, counted({ witness: { macosGuests: 5, source: 'probe', at } }), 5],
    ['the greater of two', report(4), counted({ witness: { macosGuests: 3, source: 'probe', at } }), 4],
    ['processes, however many', null, counted({ processesAtMost: 40 }), null],
  ])('%s', (_name, witness, seen, guests) => {
    const { state, witness: told } = evaluated({ facts: seen }, undefined, { witness });
    expect({ state, guests: told?.macosGuests ?? null }).toEqual({ state: 'raised', guests });
  });

  it('counts only while every piece of evidence holds', () => {
    const { state, witness } = evaluated({ facts: facts({ customKernel: 'absent' }) }, undefined, {
      witness: report(9),
    });
    expect({ state, witness }).toEqual({ state: 'drifted', witness: null });
  });
});
