/** A Mac without a Mac: canned facts that follow from the steps it was given, and canned results. For tests of many, not of macOS. */
import { createHash, randomUUID } from 'node:crypto';
import type { Facts, Plan, PlanStep } from '@headroom/core';
import { KC, kcStagedFacts, kdkReadyFacts, raisedFacts, stockFacts } from '../../packages/core/testing/sample-host.ts';

/** What came of a step; `errorCode` is empty when it succeeded. */
export interface StepOutcome {
  readonly result: object;
  readonly errorCode: string;
}

/** A step that never succeeds on this Mac, with the catalogue code that it reports. */
export interface Breakage {
  readonly kind: PlanStep['kind'];
  readonly errorCode: string;
}

export class SyntheticMac {
  facts: Facts;
  highestGeneration = 0n;
  highestSession = 0n;
  bootOrdinal = 1;
  breaks: Breakage | null = null;
  /** Of the kit that lies here. */
  private kitArgs: string | null = null;

  constructor(
    readonly hostUuid: string = randomUUID().toUpperCase(),
    public bootSessionId: string = randomUUID().toUpperCase(),
  ) {
    this.facts = this.own(stockFacts());
  }

  /** Does a step at once. */
  apply(plan: Plan, stepIndex: number): StepOutcome {
    const step = plan.steps[stepIndex];
    if (step === undefined) throw new Error(`plan ${plan.planId} has no step ${stepIndex}`);
    this.highestGeneration = BigInt(Math.max(Number(this.highestGeneration), plan.generation));
    if (step.kind === this.breaks?.kind) return { result: {}, errorCode: this.breaks.errorCode };
    return { result: this.act(step, plan), errorCode: '' };
  }

  /** A person's visit with the kit that lies here, and the boot after it. */
  raise(): void {
    const { kitArgs, facts } = this;
    if (kitArgs === null) throw new Error('no visit kit was placed on this Mac');
    const { visitKit } = facts;
    this.facts = { ...raisedFacts(), visitKit, bootArgs: { inForce: kitArgs, storedPresent: true, stored: kitArgs } };
    this.bootOrdinal += 1;
    this.bootSessionId = randomUUID().toUpperCase();
    this.facts = this.own(this.facts);
  }

  factsJson(): Buffer {
    return Buffer.from(JSON.stringify(this.facts));
  }

  private act(step: PlanStep, { grant }: Plan): object {
    switch (step.kind) {
      case 'install_kdk':
        this.facts = this.own(kdkReadyFacts());
        return {};
      case 'build_kc':
        this.facts = this.own(kcStagedFacts());
        return KC;
      case 'place_kit': {
        const { visitId, quota, bootArgs } = step;
        this.kitArgs = bootArgs;
        this.facts = { ...this.facts, visitKit: { visitId, quota, kcSha256: KC.sha256, complete: true } };
        const { expiresAt } = JSON.parse(grant?.payload ?? '{}') as { expiresAt?: string };
        const { md5: kcMd5, sha256: kcSha256 } = KC;
        return { visitId, path: '/Library/Headroom', kcMd5, kcSha256, expiresAt };
      }
      default:
        return {};
    }
  }

  private own(facts: Facts): Facts {
    const { hostUuid, bootSessionId } = this;
    return {
      ...facts,
      hardware: { ...facts.hardware, uuid: hostUuid, serial: `SYN${hostUuid.slice(0, 8)}` },
      boot: { ...facts.boot, sessionId: bootSessionId },
    };
  }
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
