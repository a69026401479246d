/** Goal: what must hold for every host whatever its facts and memory say, not only for the ones we thought of. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryInput } from '../testing/arbitrary-host.ts';
import { raisedInput } from '../testing/sample-host.ts';
import { evaluate } from './evaluate.ts';
import { EVIDENCE_IDS, type EvaluateInput, HOST_STATES } from './evaluate-types.ts';
import { isProven } from './evidence.ts';
import { LOWERING_KINDS } from './plan.ts';

const RUNS = { numRuns: 2000 };
/** Close to raised, so that the raised branch is reached often enough to mean something. */
const nearRaised = arbitraryInput.chain((input) =>
  fc.constantFrom(input, raisedInput({ intent: input.intent }), raisedInput({ record: input.record })),
);

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
    expect(raised).toBeGreaterThan(40);
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
      if (lowering.length > 0 || (visit !== null && input.presence === 'online')) {
        lowered += 1;
        expect(covers).toBe(true);
        if (expiresAt !== null) expect(input.now.getTime()).toBeLessThan(Date.parse(expiresAt));
      }
    });
    expect(lowered).toBeGreaterThan(5);
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

  it('plans nothing for unsupported hosts and for stock', () => {
    always(arbitraryInput, (input) => {
      const { state, steps, visit } = evaluate(input);
      if (state === 'unsupported' || input.intent.quota === 2)
        expect({ steps, visit }).toEqual({ steps: null, visit: null });
    });
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
