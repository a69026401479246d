/** Goal: what must hold for every host whatever its facts and memory say, not only for the ones we thought of. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryInput } from '../testing/arbitrary-host.ts';
import { KC, KIT, kitPlacedFacts, NEW_RECORD, raisedInput, sampleInput, stockFacts } from '../testing/sample-host.ts';
import { evaluate } from './evaluate.ts';
import { EVIDENCE_IDS, type EvaluateInput, HOST_STATES } from './evaluate-types.ts';
import { isProven } from './evidence.ts';
import { LOWERING_KINDS } from './plan.ts';
import { stockGaps } from './stock-proof.ts';

const RUNS = { numRuns: 2000 };
/** Close to raised, so that the raised branch is reached often enough to mean something. */
const nearRaised = arbitraryInput.chain((input) =>
  fc.constantFrom(input, raisedInput({ intent: input.intent }), raisedInput({ record: input.record })),
);

/** Stock is assigned; a stock kernel with SIP on gets a stock policy, too, so that proof is met often enough to mean something. */
function wantStock(input: EvaluateInput): EvaluateInput {
  const { facts } = input;
  const isStock = facts !== null && facts.kernel.config === 'release' && facts.sip.status === 'enabled';
  const stock = stockFacts();
  const back = isStock ? { ...facts, bootPolicy: stock.bootPolicy, bootArgs: stock.bootArgs } : facts;
  return { ...input, facts: back, intent: { ...input.intent, number: 2, quota: 2 } };
}

function withGuests([input, processesAtMost]: readonly [EvaluateInput, number | null]): EvaluateInput {
  const { facts } = input;
  return facts === null ? input : { ...input, facts: { ...facts, guests: { ...facts.guests, processesAtMost } } };
}

/** All is ready but for the updates that this host faces. */
function atTheVisit({ facts, updateAcceptances, catalogue }: EvaluateInput): EvaluateInput {
  const ready = kitPlacedFacts();
  const record = { ...NEW_RECORD, kc: KC, kit: KIT };
  return sampleInput({
    facts: { ...ready, update: facts?.update ?? ready.update },
    record,
    updateAcceptances,
    catalogue,
  });
}

const always = (inputs: fc.Arbitrary<EvaluateInput>, holds: (input: EvaluateInput) => void): void =>
  fc.assert(fc.property(inputs, holds), RUNS);

describe('evaluate, for every host', () => {
  it('says raised only when every piece of evidence holds', () => {
    let raised = 0;
    always(nearRaised, (input) => {
      const { state, evidence } = evaluate(input);
      if (state !== 'raised') return;
      raised += 1;
      expect(evidence.map(({ id }) => id).sort()).toEqual([...EVIDENCE_IDS].sort());
      expect(evidence.every(({ holds }) => holds === true)).toBe(true);
    });
    expect(raised).toBeGreaterThan(0);
  });

  it('says raised for every host whose evidence holds, unless it is unsupported, silent, or unknown in what it is', () => {
    always(nearRaised, (input) => {
      const { state, evidence } = evaluate(input);
      if (isProven(evidence) && input.presence === 'online')
        expect(['raised', 'unsupported', 'unknown']).toContain(state);
    });
  });

  it('plans no lowering step and no visit without a grant that covers, in time', () => {
    let lowered = 0;
    always(arbitraryInput, (input) => {
      const { steps, visit } = evaluate(input);
      const { covers, expiresAt } = input.intent.grant;
      const lowering = (steps ?? []).filter(({ kind }) => LOWERING_KINDS.includes(kind));
      const isAsked = visit !== null && input.presence === 'online' && input.intent.quota !== 2;
      if (lowering.length > 0 || isAsked) {
        lowered += 1;
        expect(covers).toBe(true);
        if (expiresAt !== null) expect(input.now.getTime()).toBeLessThan(Date.parse(expiresAt));
      }
    });
    expect(lowered).toBeGreaterThan(0);
  });

  it('makes no visit that an update might meet which nobody accepted, and never calls one safe by accepting it', () => {
    let [held, made] = [0, 0];
    always(
      arbitraryInput.chain((input) => fc.constantFrom(input, atTheVisit(input))),
      (input) => {
        const { visit, updates, findings } = evaluate(input);
        const open = updates.filter(({ verdict, acceptance }) => verdict !== 'safe' && acceptance === null);
        for (const { acceptance, target, verdict } of updates) {
          if (acceptance === null) continue;
          expect(verdict).not.toBe('safe');
          expect(acceptance.targets).toContain(target);
          expect(input.now.getTime()).toBeLessThan(Date.parse(acceptance.expiresAt));
        }
        if (open.length > 0 && findings.some(({ code }) => /^UPDATE_(NO_BOOT|TWO_GUESTS|UNKNOWN)$/.test(code)))
          held += 1;
        if (visit === null || input.presence !== 'online' || !['raise', 'restart'].includes(visit.kind)) return;
        if (updates.length > open.length) made += 1;
        const met = visit.kind === 'raise' ? open : open.filter(({ ways }) => ways.includes('prepared'));
        if (input.intent.quota !== 2) expect(met).toEqual([]);
      },
    );
    expect(Math.min(held, made)).toBeGreaterThan(0);
  });

  it('never stores or places a forbidden argument, nor one that nobody named', () => {
    always(arbitraryInput, (input) => {
      const lines = (evaluate(input).steps ?? []).flatMap((step) => ('bootArgs' in step ? [step.bootArgs] : []));
      for (const line of lines) {
        expect(line).not.toMatch(/debug/);
        expect(line).not.toMatch(/made-up/);
      }
    });
  });

  it('plans nothing for unsupported hosts, nor before anybody assigned something', () => {
    always(arbitraryInput, (input) => {
      const unassigned = { ...input, intent: { ...input.intent, number: 0, quota: 2 } };
      const online = evaluate({ ...unassigned, presence: 'online' });
      expect({ steps: online.steps, visit: online.visit }).toEqual({ steps: null, visit: null });
      const { state, steps, visit } = evaluate(input);
      if (state === 'unsupported') expect({ steps, visit }).toEqual({ steps: null, visit: null });
    });
  });

  it('where stock is wanted never lowers or prepares, and removes only what lies on a Mac that is proven stock', () => {
    let [cleared, visited, removed] = [0, 0, 0];
    always(nearRaised.map(wantStock), (input) => {
      const { state, steps, visit } = evaluate(input);
      const all = (steps ?? []).map(({ kind }) => kind);
      const kinds = all.filter((kind) => kind !== 'disarm_kit');
      if (kinds.length < all.length) expect([all[0], input.facts?.visitKit?.armed]).toEqual(['disarm_kit', true]);
      for (const kind of kinds) expect(['clear_boot_args', 'remove_kit', 'remove_kc', 'remove_kdk']).toContain(kind);
      if (kinds.includes('clear_boot_args')) {
        cleared += 1;
        expect(kinds).toEqual(['clear_boot_args']);
        expect(input.facts?.guests.processesAtMost).toBe(0);
      } else if (kinds.length > 0) {
        removed += 1;
        expect(input.facts === null ? null : stockGaps(input.facts)).toEqual([]);
        expect(input.facts?.kernel.config).toBe('release');
        expect(input.facts?.bootPolicy.customKernel).toBe('absent');
        expect(input.facts?.sip.status).toBe('enabled');
        expect(visit).toBeNull();
      }
      if (visit?.kind === 'revert') visited += 1;
      if (visit !== null && input.presence === 'online') expect(visit.kind).not.toBe('raise');
      if (state === 'reverted') expect(input.facts === null ? null : stockGaps(input.facts)).toEqual([]);
    });
    expect(Math.min(cleared, visited, removed)).toBeGreaterThan(0);
  });

  it('makes the way back from every Mac that a visit reached while any gap to stock is known, whatever else is not', () => {
    let [unread, busy] = [0, 0];
    const inputs = fc.tuple(nearRaised.map(wantStock), fc.constantFrom(0, 3, null)).map(withGuests);
    always(inputs, (input) => {
      const { facts, record, placeType, presence, work } = input;
      if (facts === null || record.visitOpenedAt === null || placeType === 'no_hands' || presence !== 'online') return;
      const gaps = stockGaps(facts);
      const { state, steps, visit } = evaluate(input);
      if (state === 'unsupported' || gaps.every(({ seen }) => seen === null)) return;
      if (gaps.some(({ seen }) => seen === null)) unread += 1;
      if (facts.guests.processesAtMost !== 0) busy += 1;
      expect(state).not.toBe('reverted');
      const clears = (steps ?? []).some(({ kind }) => kind === 'clear_boot_args');
      if (visit === null && work.plan === null) expect(clears).toBe(true);
      if (facts.guests.processesAtMost !== 0) expect([visit !== null, clears]).toEqual([true, false]);
    });
    expect(Math.min(unread, busy)).toBeGreaterThan(0);
  });

  it('leaves raise on no Mac without consent, nor where stock is wanted', () => {
    let disarmed = 0;
    always(arbitraryInput, (input) => {
      const { state, steps } = evaluate(input);
      const { intent, facts, now, work } = input;
      const { covers, expiresAt } = intent.grant;
      const isInTime = expiresAt === null || now.getTime() < Date.parse(expiresAt);
      if (intent.quota !== 2 && covers && isInTime)
        expect(steps?.map(({ kind }) => kind) ?? []).not.toContain('disarm_kit');
      else if (
        facts?.visitKit?.armed === true &&
        state !== 'unsupported' &&
        work.plan === null &&
        work.failure === null
      ) {
        disarmed += 1;
        expect(['disarm_kit', 'remove_kit']).toContain(steps?.[0]?.kind);
      }
    });
    expect(disarmed).toBeGreaterThan(0);
  });

  it('plans nothing while a plan is open', () => {
    always(arbitraryInput, (input) => {
      if (input.work.plan !== null) expect(evaluate(input).steps).toBeNull();
    });
  });

  it('is deterministic and leaves its input alone', () => {
    always(arbitraryInput, (input) => {
      const before = JSON.stringify(input);
      const first = JSON.stringify(evaluate(input));
      expect(JSON.stringify(evaluate(JSON.parse(before, reviveNow) as EvaluateInput))).toBe(first);
      expect(JSON.stringify(input)).toBe(before);
    });
  });

  it('gives a known state, whole findings without open places, and a review in the future', () => {
    always(arbitraryInput, (input) => {
      const { state, findings, reviewAt } = evaluate(input);
      expect(HOST_STATES).toContain(state);
      for (const { title, nextStep, detail } of findings) {
        expect(`${title} ${nextStep} ${detail}`).not.toMatch(/[{}]|undefined|\(\w+ unknown\)/);
        expect(nextStep.length).toBeGreaterThan(10);
      }
      if (reviewAt !== null) expect(reviewAt.getTime()).toBeGreaterThan(input.now.getTime());
    });
  });

  it('tells why whenever a host that shall be raised is not, and nothing is under way', () => {
    always(arbitraryInput, (input) => {
      const { state, steps, visit, findings, waitsFor } = evaluate(input);
      if (state === 'raised' || input.intent.quota === 2) return;
      if (steps === null && visit === null && input.work.plan === null) {
        expect(findings.length).toBeGreaterThan(0);
        if (state !== 'unsupported') expect(waitsFor).not.toBeNull();
      }
    });
  });
});

function reviveNow(key: string, value: unknown): unknown {
  return key === 'now' ? new Date(String(value)) : value;
}
