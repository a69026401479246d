/** A line of boot arguments that the kernel would cut off: refused before a kit is placed, so that nobody visits for nothing. */
import { BOOT_ARGS_BYTES_MAX } from '@headroom/core';
import { expect } from 'vitest';
import { RAISE_INTENT } from '../../../packages/core/testing/sample-host.ts';
import { MacInState } from '../../states/mac-in-state.ts';
import { agentOf } from './agent-acts.ts';
import type { Scenario, Visitor } from './scenario.ts';

const LONG = `trace_wake=${'x'.repeat(BOOT_ARGS_BYTES_MAX)}`;
const SHORT = 'trace_wake=x';

/** What Headroom makes of a policy that asks for this word, under an exception that names it. */
async function judged({ mac }: Visitor, word: string) {
  const host = MacInState.of(mac);
  const agent = await agentOf(mac);
  const extraArgs = [word];
  const intent = { ...RAISE_INTENT, extraArgs, grant: { ...RAISE_INTENT.grant, extraArgs } };
  host.changes = { intent, catalogue: { kdks: [agent.host.kdk], dropBundles: {} } };
  return { agent, evaluation: await host.look() };
}

export const longLine: Scenario = {
  name: 'boot argument line too long',
  happens: 'The policy asks for so many arguments that the line has more than 1,024 bytes.',
  visit: null,
  ends: {
    receipt: null,
    check: async (visitor) => {
      const { findings, steps, visit } = (await judged(visitor, LONG)).evaluation;
      expect(findings.find(({ code }) => code === 'BOOT_ARGS_TOO_LONG')).toMatchObject({
        severity: 'blocker',
        nextStep: 'Remove arguments on the Mac, or from the policy, until the line fits.',
      });
      expect(steps?.map(({ kind }) => kind) ?? []).not.toContain('place_kit');
      expect(visit).toBeNull();
    },
  },
  remedy: {
    text: 'the admin removes arguments from the policy until the line fits; Headroom places the kit then',
    follow: async (visitor) => {
      const { agent, evaluation } = await judged(visitor, SHORT);
      expect(evaluation.findings.map(({ code }) => code)).not.toContain('BOOT_ARGS_TOO_LONG');
      const said = await agent.placeKit(evaluation.steps ?? [], { extraArgs: [SHORT] });
      expect(said).toMatch(/place_kit: succeeded/);
      await visitor.raise();
      expect(visitor.mac.state().boot?.bootArgsInForce.split(' ')).toContain(SHORT);
    },
  },
  finally: 'raised',
};
