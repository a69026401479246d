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
  /** Null = the one that is installed. */
  readonly kdk: KdkSource | null;
  readonly quota: number;
  readonly kdkFile: string | undefined;
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
  const build = facts.os.baseBuild ?? '';
  const plan: Plan = {
    schemaVersion: 1,
    planId: `local-${build}`,
    fleetId: identity?.fleetId ?? 'local',
    hostId: identity?.hostId ?? 'local',
    hostUuid: facts.hardware.uuid ?? '',
    generation: (await readBootState(mac)).highestGeneration,
    intentNumber: 0,
    quota,
    steps: [
      ...(kdk === null ? [] : [{ kind: 'install_kdk', kdk, variant } as const]),
      { kind: 'build_kc', build, variant, dropBundles: [] },
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
  const { title, remedy, retry } = describeError(known);
  return { code: known, title, detail, next: retry === 'transient' ? AGAIN : remedy };
}

/** What a remedy says of trying again is the controller's doing. */
const AGAIN =
  'Run the same command again: nothing is tried again by itself here. If it lasts, the words of the tool name the cause.';

/** There is no KDK to build from, and nobody gave its image. A Mac whose build is not known cannot be given one. */
export function noKdk({ os, kdks }: Facts): BuildFailure | null {
  if (os.baseBuild === null) return null;
  const isInstalled = (kdks ?? []).some(({ build, complete }) => complete && build === os.baseBuild);
  if (isInstalled) return null;
  const detail = `No complete KDK of build ${os.baseBuild} is installed.`;
  const next = "headroom-agent prepare --local --kdk FILE, with Apple's image for this build";
  return { code: 'KC_MISSING_KDK', title: 'There is no KDK to build from', detail, next };
}
