/** What the real agent does in the macOS of this Mac: it works through a plan under a grant for it, as under a controller. */
import { dirname } from 'node:path';
import type { GrantPayload, Plan, PlanStep } from '@headroom/core';
import { SimulatedMac } from '../../agent/simulated-mac.ts';
import type { VisitMac } from '../visit-mac.ts';

const QUOTA = 255;

export interface Agent {
  /** For plans and grants of this Mac, and its KDK. */
  readonly host: SimulatedMac;
  /** What the agent says, step for step. */
  apply(plan: Plan): Promise<string>;
  /** From KDK to kit; the kit that comes of it is the one to visit with. */
  placeKit(steps?: readonly PlanStep[], grant?: Partial<GrantPayload>): Promise<string>;
}

export async function agentOf(mac: VisitMac): Promise<Agent> {
  const host = new SimulatedMac(dirname(mac.dir)).prepare();
  const apply = async (plan: Plan): Promise<string> => {
    const { stdout, stderr } = await host.apply(plan);
    return stdout + stderr;
  };
  return {
    host,
    apply,
    async placeKit(steps = host.raiseSteps(QUOTA), grant = {}) {
      const said = await apply(host.plan(steps, { quota: QUOTA, grant: host.grant({ quotaMax: QUOTA, ...grant }) }));
      if (/place_kit: succeeded/.test(said)) mac.adoptKit();
      return said;
    },
  };
}
