/** FileVault: two starts, two unlock screens, and two silences that only the clock tells from a Mac that does not start. */
import type { Evaluation, OpenVisit, VisitKind } from '@headroom/core';
import { unlockMac } from '@headroom/mac-sim';
import { expect } from 'vitest';
import { MacInState } from '../../states/mac-in-state.ts';
import { change, headroomStoresBootArgs } from './acts.ts';
import type { Scenario, Visitor } from './scenario.ts';

const AT_UNLOCK = {
  power: 'unlock',
  screen: '(accounts and a password field: FileVault waits to be unlocked)',
} as const;
const CAUSES =
  /1\. An account and a password field: FileVault waits to be unlocked: sign in;.* 2\. .*recoveryOS.* 3\. "Custom kernel failed to boot".* 4\. .*switched off.* 5\. .*without a network/;
const WINDOW_MINUTES = 59;

/** The visit explains the silence for a while; past it the Mac is overdue, and the unlock screen is the likeliest. */
function expectOverdue(host: MacInState, kind: VisitKind): void {
  const visit: OpenVisit = { visitId: kind, kind, openedAt: host.now.toISOString() };
  const waiting = host.stayUnheard(WINDOW_MINUTES, visit);
  expect(
    waiting.findings.map(({ code }) => code),
    'within the window',
  ).not.toContain('VISIT_OVERDUE');
  const overdue = host.stayUnheard(2, visit);
  expect(overdue.state).toBe('waiting_for_unlock');
  expect(nextStepOf(overdue, 'MAYBE_WAITING_FOR_UNLOCK')).toMatch(/sign in at the unlock screen/);
  if (kind === 'raise') expect(nextStepOf(overdue, 'VISIT_OVERDUE')).toMatch(CAUSES);
  else expect(nextStepOf(overdue, 'VISIT_OVERDUE')).toMatch(/1\. An account and a password field.* 2\. "Custom kernel/);
}

function nextStepOf({ findings }: Evaluation, code: string): string {
  return findings.find((finding) => finding.code === code)?.nextStep ?? `no finding ${code}`;
}

async function signIn({ mac }: Visitor): Promise<void> {
  unlockMac(mac.dir, mac.state().accounts[0]?.password ?? '');
}

export function unlockTwice(): Scenario {
  const hosts = new WeakMap<Visitor, MacInState>();
  const hostOf = (visitor: Visitor): MacInState => hosts.get(visitor) ?? MacInState.of(visitor.mac);
  return {
    name: 'unlock awaited twice',
    happens:
      'FileVault holds the Mac at its unlock screen after the visit, and again after the restart for its arguments.',
    mac: { fileVault: true },
    prepare: async (visitor) => {
      change(({ behaviour }) => {
        Object.assign(behaviour, { waitsForUnlock: true, nvramGuidFormInRecovery: false });
      })(visitor);
      const host = hostOf(visitor);
      hosts.set(visitor, host);
      await host.rememberKc();
      await host.look();
    },
    visit: ({ raise }) => raise(),
    ends: { state: AT_UNLOCK, receipt: 'done', check: (visitor) => expectOverdue(hostOf(visitor), 'raise') },
    remedy: {
      text: 'sign in at the unlock screen, the first of the causes that Headroom names; twice, as the run sheet says',
      onSheet: { says: /after the restart somebody unlocks the Mac at its login screen, once, and again if Headroom/ },
      follow: async (visitor) => {
        const host = hostOf(visitor);
        await signIn(visitor);
        const { state, steps } = await host.look();
        expect(state).toBe('args_missing');
        expect(steps?.map(({ kind }) => kind)).toContain('set_boot_args');
        await headroomStoresBootArgs(visitor);
        expect(visitor.mac.state()).toMatchObject(AT_UNLOCK);
        expectOverdue(host, 'restart');
        await signIn(visitor);
        expect((await host.look()).findings.map(({ code }) => code)).not.toContain('VISIT_OVERDUE');
      },
    },
    finally: 'raised',
  };
}
