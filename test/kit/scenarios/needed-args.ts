/**
 * A kernel that does not start without an argument: what Headroom plans, the real agent places and stores, and the person meets. The
 * Mac is one of those that core's catalogue names.
 */
import { expect } from 'vitest';
import { RAISE_INTENT } from '../../../packages/core/testing/sample-host.ts';
import { MacInState } from '../../states/mac-in-state.ts';
import { change, faults } from './acts.ts';
import { type Agent, agentOf } from './agent-acts.ts';
import type { Scenario, Visitor } from './scenario.ts';

const WORD = '-unsafe_kernel_text';
const MAC = { variant: 'T6000', version: '14.5', build: '23F79' } as const;
const LOWERED = { policy: { sip0: '7f', sip3: true, coih: null } } as const;

interface Judged {
  readonly host: MacInState;
  readonly agent: Agent;
}

/** A controller's view of this Mac under a policy that asks for these words, and the agent on it. */
async function judge({ mac }: Visitor, extraArgs: readonly string[]): Promise<Judged> {
  const host = MacInState.of(mac);
  const agent = await agentOf(mac);
  const intent = { ...RAISE_INTENT, extraArgs, grant: { ...RAISE_INTENT.grant, extraArgs } };
  host.changes = { intent, catalogue: { kdks: [agent.host.kdk], dropBundles: {} } };
  return { host, agent };
}

async function placeAsPlanned(visitor: Visitor): Promise<Judged> {
  const judged = await judge(visitor, [WORD]);
  const { steps } = await judged.host.look();
  expect(await judged.agent.placeKit(steps ?? [], { extraArgs: [WORD] })).toMatch(/place_kit: succeeded/);
  return judged;
}

async function arrange(visitor: Visitor): Promise<void> {
  faults({ kernelNeedsArg: WORD })(visitor);
  await placeAsPlanned(visitor);
}

/** What Headroom does in macOS between two visits: the step that the rules plan, done by the real agent. */
async function headroomStoresNeeded(visitor: Visitor): Promise<void> {
  const { host, agent } = await judge(visitor, [WORD]);
  await host.rememberKc();
  await host.rememberKit();
  const { steps } = await host.look();
  expect(steps?.map(({ kind }) => kind)).toContain('set_boot_args');
  const stores = (steps ?? []).filter(({ kind }) => kind === 'set_boot_args');
  const grant = agent.host.grant({ quotaMax: 255, extraArgs: [WORD] });
  expect(await agent.apply(agent.host.plan(stores, { quota: 255, generation: 2, grant }))).toMatch(
    /set_boot_args: succeeded/,
  );
}

export const neededArguments: readonly Scenario[] = [
  {
    name: 'a kernel that needs an argument to boot',
    happens: `Without ${WORD} the kernel panics, so it is stored, saved and read back before the kernel is installed.`,
    mac: MAC,
    prepare: arrange,
    visit: ({ raise }) => raise(),
    ends: { receipt: 'done' },
    remedy: { text: 'none' },
    finally: 'raised',
    inTests: true,
  },
  {
    name: 'a needed argument that nobody asked for',
    happens: 'The policy does not name the argument, so no kit is placed and nobody visits for a kernel that panics.',
    mac: MAC,
    prepare: faults({ kernelNeedsArg: WORD }),
    visit: null,
    ends: {
      receipt: null,
      check: async (visitor) => {
        const { steps, visit, findings } = await (await judge(visitor, [])).host.look();
        expect(findings.find(({ code }) => code === 'KERNEL_NEEDS_ARGUMENT')).toMatchObject({
          severity: 'blocker',
          nextStep: `Add ${WORD} to the policy and to the exception; the visit is made then.`,
        });
        expect(steps?.map(({ kind }) => kind) ?? []).not.toContain('place_kit');
        expect(visit).toBeNull();
      },
    },
    remedy: {
      text: 'the admin adds it to policy and exception; Headroom places the kit then',
      follow: async (visitor) => {
        await placeAsPlanned(visitor);
        await visitor.raise();
      },
    },
    finally: 'raised',
  },
  {
    name: 'a needed argument is refused',
    happens:
      'The kernel would panic without the argument, and recoveryOS refuses it: the visit stops before the kernel.',
    mac: MAC,
    prepare: async (visitor) => {
      await arrange(visitor);
      change(({ behaviour }) => {
        behaviour.nvramGuidFormInRecovery = false;
      })(visitor);
    },
    visit: ({ raise }) => raise(),
    ends: { says: /does not boot without -unsafe_kernel_text/, state: LOWERED, receipt: 'failed:needed-args' },
    remedy: {
      text: 'reboot; Headroom stores it in macOS, as SIP is off now; the same line once more',
      onScreen: /type (reboot): System Integrity Protection is off now, so Headroom stores it in macOS/,
      follow: async (visitor, [, line = '']) => {
        await visitor.raise({ line });
        await headroomStoresNeeded(visitor);
        await visitor.raise();
      },
    },
    finally: 'raised',
    inMoreShells: true,
  },
];
