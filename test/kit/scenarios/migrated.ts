/** Migration Assistant: what lies on Data of a raised Mac comes to another one, with kit, receipt and the agent's identity. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { MacInState } from '../../states/mac-in-state.ts';
import { copyFolder } from '../../support/copy-folder.ts';
import { type VisitMac, visitMac } from '../visit-mac.ts';
import { agentOf } from './agent-acts.ts';
import type { Scenario } from './scenario.ts';

const AGENT_HOME = 'private/var/db/headroom';

/** The Mac of this scenario is the one that got the copy. */
export function migrationAssistant(): Scenario {
  const lines = new WeakMap<VisitMac, string>();
  return {
    name: 'Migration Assistant clone',
    happens: 'The data of a raised Mac was copied onto this one: kit, receipt and identity are those of the other.',
    prepare: async ({ mac }) => {
      const other = await visitMac();
      try {
        const agent = await agentOf(other);
        expect(await agent.apply(agent.host.plan([{ kind: 'collect_facts' }]))).toMatch(/collect_facts: succeeded/);
        await other.visit();
        expect(other.receipt()?.['outcome'], 'the other Mac').toBe('done');
        for (const path of ['Library/Headroom', AGENT_HOME]) copyOver(other, mac, path);
        lines.set(mac, other.line);
        const copied = await (await agentOf(mac)).apply(agent.host.plan(agent.host.raiseSteps()));
        expect(copied, 'a plan for the other Mac').toMatch(/refused PLAN_OTHER_HOST/);
      } finally {
        other.remove();
      }
    },
    visit: ({ mac, raise }) => raise({ line: lines.get(mac) ?? '' }),
    ends: {
      says: /Stopped at: environment[\s\S]*Nothing was changed/,
      state: { policy: { smb0: false, sip0: null, coih: null } },
      // It is the one that came along.
      receipt: 'done',
    },
    remedy: {
      text: 'reboot; remove /var/db/headroom on this Mac, enrol it with a token of its own; Headroom makes a kit for it',
      onScreen:
        /the kit may be of another Mac, copied by Migration Assistant[^\n]*type (reboot),\n[^\n]*enrol this Mac by itself/,
      follow: async ({ mac, raise }, [, line = '']) => {
        await raise({ line });
        const { state, evidence } = await MacInState.of(mac).look();
        expect(state, 'by what was copied').not.toBe('raised');
        expect(evidence.find(({ id }) => id === 'development_kernel')?.holds).toBe(false);
        rmSync(join(mac.dir, AGENT_HOME), { recursive: true });
        expect(await (await agentOf(mac)).placeKit()).toMatch(/place_kit: succeeded/);
        await raise();
      },
    },
    finally: 'raised',
  };
}

function copyOver(from: VisitMac, to: VisitMac, path: string): void {
  const [source, target] = [join(from.dir, path), join(to.dir, path)];
  rmSync(target, { recursive: true, force: true });
  if (existsSync(source)) copyFolder(source, target);
}
