/** KDK and kernel collection of this one Mac by a plan like any other, without a controller. Lowers nothing, so it needs no grant. */
import { describeError, type Facts, type KcResult, type KdkSource, type Plan } from '@headroom/core';
import type { Mac } from '../mac.ts';
import { parsePlan } from '../plan/parse-plan.ts';
import type { Report } from '../runner/job.ts';
import { readBootState } from '../state/boot-state.ts';
import { readIdentity } from '../state/identity.ts';
import { isSuccess, localPorts, runLocalPlan } from './local-plan.ts';

export interface BuildInput {
  readonly mac: Mac;
  readonly facts: Facts;
  readonly kdk: KdkSource;
  readonly quota: number;
  readonly kdkFile: string;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** Why there is no kernel collection, with the next step of the catalogue. */
export interface BuildFailure {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly next: string;
}

/** Neither = it was stopped before its end. */
export interface Built {
  readonly kc: KcResult | null;
  readonly failure: BuildFailure | null;
}

export const NOTHING_BUILT: Built = { kc: null, failure: null };

export async function buildLocally({ mac, facts, kdk, quota, kdkFile, signal, say }: BuildInput): Promise<Built> {
  const identity = await readIdentity(mac);
  const variant = facts.kernel.variant ?? '';
  const plan: Plan = {
    schemaVersion: 1,
    planId: `local-${kdk.build}`,
    fleetId: identity?.fleetId ?? 'local',
    hostId: identity?.hostId ?? 'local',
    hostUuid: facts.hardware.uuid ?? '',
    generation: (await readBootState(mac)).highestGeneration,
    intentNumber: 0,
    quota,
    steps: [
      { kind: 'install_kdk', kdk, variant },
      { kind: 'build_kc', build: kdk.build, variant, dropBundles: [] },
    ],
    grant: null,
  };
  const planText = JSON.stringify(plan);
  const ports = await localPorts({ mac, identity, verify: () => false, kdkFile });
  const reports = await runLocalPlan({ plan: parsePlan(planText), planText, idPrefix: 'prepare', ports, signal, say });
  const last = reports.at(-1);
  if (last === undefined) return NOTHING_BUILT;
  if (!isSuccess(last)) return { kc: null, failure: failureOf(last) };
  return reports.length < plan.steps.length ? NOTHING_BUILT : { kc: last.result as KcResult, failure: null };
}

function failureOf({ code, detail }: Report): BuildFailure {
  const known = code ?? 'INTERNAL';
  const { title, remedy } = describeError(known);
  return { code: known, title, detail, next: remedy };
}
