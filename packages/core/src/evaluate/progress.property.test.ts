/** Goal: whatever a Mac says, what is planned for it brings it on or somebody is told what stands in the way; and knowing less never looks better. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryInput } from '../../testing/arbitrary-host.ts';
import { KC, KIT, kitPlacedFacts, NEW_RECORD, raisedInput, sampleInput } from '../../testing/sample-host.ts';
import { evaluate } from '../evaluate.ts';
import type { EvaluateInput, Evaluation } from '../evaluate-types.ts';
import type { Facts } from '../facts.ts';
import { FACT_PATHS, factAt } from '../facts-empty.ts';
import { LOWERING_KINDS, type PlanStep } from '../plan.ts';

const RUNS = { numRuns: 500 };
/** `raise` and its collection go, what they leave to do is done, and then there is nothing more. */
const PLANS_MAX = 4;
const always = <T>(inputs: fc.Arbitrary<T>, holds: (input: T) => void): void =>
  fc.assert(fc.property(inputs, holds), RUNS);

/** Nothing is under way, and the Mac is there: what it needs is asked for now. */
const idle = arbitraryInput
  .chain((input) => fc.constantFrom(input, raisedInput({ intent: input.intent, record: input.record })))
  .map(
    (input): EvaluateInput => ({ ...input, presence: 'online', work: { ...input.work, plan: null, failure: null } }),
  );

/** The Mac, and what is remembered of it, once its agent has done a step. */
function afterStep({ facts, record, intent, ...input }: EvaluateInput, step: PlanStep): EvaluateInput {
  if (facts === null) throw new Error('a step for a Mac that said nothing');
  const changed = (more: Partial<Facts>, remembered: Partial<EvaluateInput['record']> = {}): EvaluateInput => ({
    ...{ ...input, intent },
    facts: { ...facts, ...more },
    record: { ...record, ...remembered },
  });
  const { bootArgs, kdks, kernelCollections, visitKit } = facts;
  switch (step.kind) {
    case 'install_kdk': {
      const { build, version } = step.kdk;
      const kdk = { build, version, complete: true, variants: [step.variant], reason: null, ours: true };
      return changed({ kdks: [...(kdks ?? []).filter((one) => one.build !== build), kdk] });
    }
    case 'build_kc': {
      const { build, variant } = step;
      const kc = { ...KC, build, variant, sha256: 'ba'.repeat(32), uuid: 'BABABABA-0000-4000-8000-000000000001' };
      return changed({ kernelCollections: [...(kernelCollections ?? []), kc] }, { kc });
    }
    case 'place_kit': {
      const { visitId, quota, bootArgs: line, neededArgs = [], provenObject } = step;
      const kcSha256 = record.kc?.sha256 ?? 'none';
      const expiresAt = intent.grant.expiresAt === null ? {} : { expiresAt: intent.grant.expiresAt };
      const kit = { visitId, quota, bootArgs: line, neededArgs, kcSha256, sparesObject: provenObject !== undefined };
      return changed(
        { visitKit: { visitId, quota, kcSha256, complete: true, armed: true } },
        { kit: { ...kit, ...expiresAt } },
      );
    }
    case 'set_boot_args':
      return changed({ bootArgs: { ...bootArgs, storedPresent: true, stored: step.bootArgs } });
    case 'clear_boot_args':
      return changed({ bootArgs: { ...bootArgs, storedPresent: false, stored: null } });
    case 'disarm_kit':
      return changed({ visitKit: visitKit === null ? null : { ...visitKit, complete: false, armed: false } });
    case 'remove_kit':
      return changed({ visitKit: null, receipt: null });
    case 'remove_kc':
      return changed({ kernelCollections: [] });
    case 'remove_kdk':
      return changed({ kdks: (kdks ?? []).filter(({ ours }) => ours !== true) });
    case 'collect_facts':
      return changed({});
  }
}

/** The same Mac, on which one fact can't be read any more. */
function without(facts: Facts, path: string): Facts {
  const [group = '', name] = path.split('.');
  const unknown = { ...facts.unknown, [path]: 'a test took it away' };
  const whole = facts[group as keyof Facts];
  return { ...facts, [group]: name === undefined ? null : { ...(whole as object), [name]: null }, unknown } as Facts;
}

/**
 * Before a visit these are looked at by a person where they can't be read; the finding says so, and how. Of updates macOS shows signs that
 * one comes, and none that none does: not to read any is the usual case.
 */
const LOOKED_AT_BY_HAND = [
  'volumes.startupDefault',
  'volumes.owners',
  'volumes.recoveryAdmins',
  'auxiliaryKexts',
  'kitFolder',
  'update.pending',
  'update.prepared',
  'update.preparedTarget',
  'update.enforced',
];

const kindsOf = ({ steps }: Evaluation) => (steps ?? []).map(({ kind }) => kind);
const lowers = (found: Evaluation) => kindsOf(found).filter((kind) => LOWERING_KINDS.includes(kind));
const raises = ({ visit }: Evaluation) => visit?.kind === 'raise' || visit?.kind === 'restart';

describe('evaluate, for every host', () => {
  it('comes to rest: a few plans that are done are followed by a visit, a cause, or the end, never by one more', () => {
    let done = 0;
    always(idle, (input) => {
      let mac = input;
      for (let plans = 0; plans < PLANS_MAX; plans += 1) {
        const { steps } = evaluate(mac);
        if (steps === null) return;
        done += 1;
        mac = steps.reduce(afterStep, mac);
      }
      expect(kindsOf(evaluate(mac))).toEqual([]);
    });
    expect(done).toBeGreaterThan(30);
  });

  it('names a blocker, or what it waits for, wherever there is neither a step nor a visit nor the end', () => {
    let blocked = 0;
    always(idle, (input) => {
      const { state, steps, visit, findings } = evaluate(input);
      if (steps !== null || visit !== null || input.intent.number === 0 || input.intent.quota === 2) return;
      if (['raised', 'unsupported', 'no_facts'].includes(state)) return;
      blocked += 1;
      expect(findings.filter(({ severity }) => severity === 'blocker')).not.toEqual([]);
    });
    expect(blocked).toBeGreaterThan(30);
  });

  it('never says of a raised Mac that a piece of its evidence is missing, nor of any Mac two things that exclude each other', () => {
    always(idle, (input) => {
      const { state, findings } = evaluate(input);
      const codes = findings.map(({ code }) => code);
      const missing =
        /^(FOREIGN_KERNEL|OLDER_KERNEL|NOT_PROVABLE|DRIFTED|CUSTOM_KERNEL|ARGS_FILTERED|OLD_KERNEL|QUOTA_(NOT|OTHER)|HYPERVISOR|BOOT_BEFORE|OBJECT_|HALF_DONE|STILL_LOWERED)/;
      if (state === 'raised') expect(codes.filter((code) => missing.test(code))).toEqual([]);
      if (state === 'reverted') expect(codes).not.toContain('STILL_LOWERED');
      for (const [one, other] of [
        ['GRANT_MISSING', 'GRANT_EXPIRES_SOON'],
        ['GRANT_EXPIRED', 'GRANT_EXPIRES_SOON'],
        ['OBJECT_NOT_BOOTED', 'OTHER_OBJECT_IN_POLICY'],
        ['HALF_DONE', 'POLICY_ALREADY_LOWERED'],
        ['STILL_RAISED', 'STILL_LOWERED'],
        ['KDK_NOT_IN_CATALOGUE', 'KDK_VARIANT_MISSING'],
        ['UPDATE_SAFE', 'UPDATES_INSTALL_THEMSELVES'],
      ] as const)
        expect([codes.includes(one), codes.includes(other)], `${one} and ${other}`).not.toEqual([true, true]);
    });
  });

  it('never calls a Mac better, nor lowers it further, because a fact of it can not be read any more', () => {
    const ready = sampleInput({ facts: kitPlacedFacts(), record: { ...NEW_RECORD, kc: KC, kit: KIT } });
    const inputs = fc.tuple(
      idle.chain((input) =>
        fc.constantFrom(input, {
          ...ready,
          facts:
            input.facts === null
              ? null
              : { ...kitPlacedFacts(), update: input.facts.update, volumes: input.facts.volumes },
        }),
      ),
      fc.constantFrom(...FACT_PATHS),
    );
    let compared = 0;
    always(inputs, ([input, path]) => {
      const { facts } = input;
      if (facts === null || factAt(facts, path) === null) return;
      compared += 1;
      const [before, after] = [evaluate(input), evaluate({ ...input, facts: without(facts, path) })];
      for (const state of ['raised', 'reverted']) if (after.state === state) expect(before.state, path).toBe(state);
      // What is not proven any more may need a visit, and what is laid ready for it; that is no better.
      if (before.state === 'raised') return;
      // One sign of a guest is enough; without it the others count, and they say that it is a Mac.
      if (path === 'hardware.model') return;
      // What the next start needs is built for a variant; what the kernel that runs needs is not.
      if (before.findings.some(({ code }) => code === 'VARIANT_UNKNOWN')) return;
      if (lowers(after).length > 0) expect(lowers(before), path).not.toEqual([]);
      if (raises(after) && !LOOKED_AT_BY_HAND.includes(path))
        expect(raises(before) || kindsOf(before).length > 0, path).toBe(true);
    });
    expect(compared).toBeGreaterThan(30);
  });
});
