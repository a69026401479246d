/** A Mac without a Mac: canned facts that follow from the steps it was given, and canned results. For tests of many, not of macOS. */
import { createHash, randomUUID } from 'node:crypto';
import type { Facts, Plan, PlanStep } from '@headroom/core';
import { KC, kcStagedFacts, kdkReadyFacts, stockFacts } from '../../packages/core/testing/sample-host.ts';

export interface StepOutcome {
  readonly result: object;
}

export class SyntheticMac {
  facts: Facts;
  highestGeneration = 0n;
  highestSession = 0n;

  constructor(
    readonly hostUuid: string = randomUUID().toUpperCase(),
    readonly bootSessionId: string = randomUUID().toUpperCase(),
  ) {
    this.facts = this.own(stockFacts());
  }

  /** Does a step at once. */
  apply(plan: Plan, stepIndex: number): StepOutcome {
    const step = plan.steps[stepIndex];
    if (step === undefined) throw new Error(`plan ${plan.planId} has no step ${stepIndex}`);
    this.highestGeneration = BigInt(Math.max(Number(this.highestGeneration), plan.generation));
    return this.act(step, plan);
  }

  factsJson(): Buffer {
    return Buffer.from(JSON.stringify(this.facts));
  }

  private act(step: PlanStep, { grant }: Plan): StepOutcome {
    switch (step.kind) {
      case 'install_kdk':
        this.facts = this.own(kdkReadyFacts());
        return { result: {} };
      case 'build_kc':
        this.facts = this.own(kcStagedFacts());
        return { result: KC };
      case 'place_kit': {
        const { visitId, quota } = step;
        this.facts = { ...this.facts, visitKit: { visitId, quota, kcSha256: KC.sha256, complete: true } };
        const { expiresAt } = JSON.parse(grant?.payload ?? '{}') as { expiresAt?: string };
        const { md5: kcMd5, sha256: kcSha256 } = KC;
        return { result: { visitId, path: '/Library/Headroom', kcMd5, kcSha256, expiresAt } };
      }
      default:
        return { result: {} };
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
