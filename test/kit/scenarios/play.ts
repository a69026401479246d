/** Plays one scenario in one shell, and says what is not as the table has it. */
import { observe } from '@headroom/core';
import { guestQuota, type RecoverySessionResult } from '@headroom/mac-sim';
import { expect } from 'vitest';
import { collectFacts } from '../../../apps/agent/dist/facts/index.js';
import { type VisitMac, visitMac } from '../visit-mac.ts';
import type { End, Scenario, Visitor } from './scenario.ts';
import { sheetWords } from './sheet.ts';

const STOCK = { smb1: false, sip0: null, sip2: false, sip3: false, coih: null };

export async function play(scenario: Scenario, shell: string): Promise<void> {
  const mac = await visitMac(scenario.mac);
  try {
    await playOn(mac, scenario, shell);
  } finally {
    mac.remove();
  }
}

async function playOn(mac: VisitMac, scenario: Scenario, shell: string): Promise<void> {
  const shown: string[] = [];
  const note = (result: RecoverySessionResult): RecoverySessionResult => {
    shown.push(`${result.transcript}\n[session ended: ${result.ended}]`);
    return result;
  };
  const visitor: Visitor = {
    mac,
    raise: async (options) => note(await mac.visit({ shell, ...options })),
    revert: async (options) => note(await mac.revert({ shell, ...options })),
  };
  try {
    if (scenario.raised) {
      await visitor.raise();
      await expectEnd(mac, 'raised');
    }
    await scenario.prepare?.(visitor);
    await expectOnSheet(mac, scenario);
    const transcript = (await scenario.visit?.(visitor))?.transcript ?? '';
    await expectFirstEnd(visitor, scenario, transcript);
    await followRemedy(visitor, scenario, transcript);
    await expectEnd(mac, scenario.finally);
    expectNoPassword(mac, shown);
  } catch (error) {
    throw new Error(`${scenario.name}, ${shell}: ${(error as Error).message}\n${shown.join('\n')}`);
  }
}

/** Printed before the visit, as on a Mac: afterwards it may be silent. */
async function expectOnSheet(mac: VisitMac, { remedy: { onSheet } }: Scenario): Promise<void> {
  if (onSheet !== undefined) expect(await sheetWords(mac, onSheet.place), 'the run sheet').toMatch(onSheet.says);
}

async function expectFirstEnd(visitor: Visitor, { ends }: Scenario, transcript: string): Promise<void> {
  if (ends.says !== undefined) expect(transcript).toMatch(ends.says);
  expect(visitor.mac.receipt()?.['outcome'] ?? null, 'outcome of the receipt').toBe(ends.receipt);
  if (ends.state !== undefined) expect(visitor.mac.state()).toMatchObject(ends.state);
  if (ends.observed !== undefined) expect(await observed(visitor.mac), 'observed').toBe(ends.observed);
  await ends.check?.(visitor);
}

async function followRemedy(visitor: Visitor, { remedy }: Scenario, transcript: string): Promise<void> {
  const { onScreen, follow } = remedy;
  const match = (onScreen ?? /^/).exec(transcript);
  if (match === null) throw new Error(`the remedy is not on the screen: ${String(onScreen)}`);
  await follow?.(visitor, match);
}

/** Held to the Mac's own state and to what the agent's facts tell. */
async function expectEnd(mac: VisitMac, end: End): Promise<void> {
  const { boot, policy, power } = mac.state();
  expect(power, 'power at the end').toBe('macos');
  if (end === 'raised') {
    expect(boot).toMatchObject({ kernel: 'development', filesetUuid: mac.kcUuid });
    expect(boot === null ? 0 : guestQuota(boot), 'guests allowed').toBe(255);
    expect(await observed(mac), 'observed').toBe('quota_in_force');
    return;
  }
  expect(policy).toMatchObject({ ...STOCK, smb0: end === 'reverted-reduced' });
  expect(boot).toMatchObject({ kernel: 'release', bootArgsInForce: '' });
  expect(['stock', 'quota_asleep', ...(end === 'reverted' ? [] : ['policy_lowered'])]).toContain(await observed(mac));
}

async function observed(mac: VisitMac): Promise<string> {
  return observe(await collectFacts({ sysroot: mac.dir })).kind;
}

function expectNoPassword(mac: VisitMac, shown: readonly string[]): void {
  const all = JSON.stringify(mac.receipt()) + shown.join('\n');
  for (const { password } of mac.state().accounts) expect(all).not.toContain(password);
}
