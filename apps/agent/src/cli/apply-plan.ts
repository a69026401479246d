/**
 * headroom-agent apply-plan: works through a plan from a file, without a controller. The same gate, journal and steps as under
 * one: a grant has to be signed by a key that is pinned here, or given with --grant-key by whoever is root on this Mac.
 */
import { readFile } from 'node:fs/promises';
import type { VerifySignature } from '@headroom/core';
import { readTextFile } from '../files.ts';
import { pinnedVerifier } from '../grants/verify.ts';
import type { Mac } from '../mac.ts';
import { PLAN_BYTES_MAX, parsePlan, type ReadPlan } from '../plan/parse-plan.ts';
import { type Identity, readIdentity } from '../state/identity.ts';
import { readRetiredKeys } from '../state/retired-keys.ts';
import { alone } from './alone.ts';
import type { Options } from './arguments.ts';
import { isSuccess, localPorts, runLocalPlan } from './local-plan.ts';
import { UsageError } from './usage.ts';

export async function applyPlan(options: Options): Promise<number> {
  if (options.plan === undefined) throw new UsageError('apply-plan needs --plan FILE');
  const planText = await readTextFile(options.plan, PLAN_BYTES_MAX);
  if (planText === null) throw new UsageError(`--plan: ${options.plan} does not exist`);
  const plan = parsePlan(planText);
  return alone(options.sysroot, say, async (mac, signal) => {
    const identity = await readIdentity(mac);
    const verify = await verifierFor(mac, identity, plan, options['grant-key']);
    const ports = await localPorts({ mac, identity, verify, kdkFile: options.kdk });
    const reports = await runLocalPlan({ plan, planText, idPrefix: 'file', ports, signal, say });
    return reports.length === plan.steps.length && reports.every(isSuccess) ? 0 : 1;
  });
}

/** A key from a file stands for the key id that the plan's grant names: whoever gives the file decides that it is the one. */
async function verifierFor(
  mac: Mac,
  identity: Identity | null,
  plan: ReadPlan,
  file: string | undefined,
): Promise<VerifySignature> {
  if (file !== undefined)
    return pinnedVerifier(plan.grant === null ? [] : [{ keyId: plan.grant.keyId, pem: await readFile(file, 'utf8') }]);
  const retired = (await readRetiredKeys(mac)).map(({ keyId }) => keyId);
  return pinnedVerifier(identity?.grantPublicKeys ?? [], new Set(retired));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
