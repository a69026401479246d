/** One step in this process, with the tools of the Mac as they are; what hangs is decided by whoever replaces `runTool`. */
import { readFileSync } from 'node:fs';
import type { Facts, Plan } from '@headroom/core';
import { localPorts, runLocalPlan } from '../../../apps/agent/src/cli/local-plan.ts';
import { pinnedVerifier } from '../../../apps/agent/src/grants/verify.ts';
import { openMac } from '../../../apps/agent/src/mac.ts';
import { parsePlan } from '../../../apps/agent/src/plan/parse-plan.ts';
import { readFactsLooking } from '../../../apps/agent/src/read-facts.ts';
import type { Report } from '../../../apps/agent/src/runner/job.ts';
import type { FaultMac } from './fault-mac.ts';

export type Seen = (facts: Facts) => Facts;

/** The report of its one step. */
export async function work(mac: FaultMac, plan: Plan, seen: Seen = (facts) => facts): Promise<Report> {
  const planText = JSON.stringify(plan);
  const verify = pinnedVerifier([{ keyId: 'key-1', pem: readFileSync(mac.grantKeyFile, 'utf8') }]);
  const local = await localPorts({ mac: openMac(mac.sysroot), identity: null, verify, kdkFile: mac.kdkFile });
  const ports = { ...local, facts: async () => seen(await local.facts()) };
  const signal = new AbortController().signal;
  const run = { plan: parsePlan(planText), planText, idPrefix: 't', ports, signal, say: () => {} };
  const [report] = await runLocalPlan(run);
  if (report === undefined) throw new Error('the step came to no end');
  return report;
}

export const factsOf = (mac: FaultMac): Promise<Facts> => readFactsLooking(openMac(mac.sysroot));
