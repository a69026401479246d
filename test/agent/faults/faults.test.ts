/**
 * Fault table: every step that changes a Mac, the way back too, times kill, power cut, disk full, a tool that hangs, and wrong input.
 * Each cell ends well, or with a code whose finding tells an admin what to do; nothing half-made stays, by the list of all that lies on
 * the Mac; and once the fault is over the same plan comes to the same end as without it. `npm test` plays a part of it, `npm run
 * faults` the whole.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RunOptions } from '../../../apps/agent/src/macos/runner.ts';
import { FaultMac, type Kind, LONG_MS } from './fault-mac.ts';
import { fullDisks } from './full-disk.ts';
import { hangs, played, type Tools } from './hangs.ts';
import { factsOf, work } from './in-process.ts';
import { judge } from './judge.ts';
import { kills } from './kills.ts';
import { wrongInput } from './wrong-input.ts';

const tools = vi.hoisted((): Tools => ({ hanging: '', seen: new Set() }));
vi.mock('../../../apps/agent/src/macos/runner.ts', async (original) => {
  const real = await original<typeof import('../../../apps/agent/src/macos/runner.ts')>();
  return { ...real, runTool: (options: RunOptions) => real.runTool(played(tools, options)) };
});

let made: FaultMac;
beforeAll(async () => {
  made = await new FaultMac().make();
}, LONG_MS);
afterAll(() => made.remove());
const mac = (): FaultMac => made;

describe('without a fault', { timeout: LONG_MS }, () => {
  it.each<[Kind, string]>([
    ['install_kdk', 'kdk_ready'],
    ['build_kc', 'kc_staged'],
    ['place_kit', 'ready_for_visit'],
    ['set_boot_args', 'reboot_due'],
    ['clear_boot_args', 'raised'],
    ['remove_kdk', 'reverted'],
  ])('%s leads to %s', async (kind, state) => {
    made.before(kind);
    expect(await work(made, made.planOf(kind))).toMatchObject({ outcome: 'succeeded' });
    const { kdk, kc } = made;
    expect(judge({ kind, facts: await factsOf(made), failure: null, kdk, kc })).toMatchObject({ state });
  });

  it('the way leads to raised, and back to stock with nothing left', async () => {
    const { kdk, kc } = made;
    made.before('disarm_kit');
    expect(judge({ kind: 'disarm_kit', facts: await factsOf(made), failure: null, kdk, kc }, true)).toMatchObject({
      state: 'raised',
      findings: expect.not.arrayContaining([expect.objectContaining({ severity: 'blocker' })]),
    });
    const left = /Library\/(Headroom|Developer\/KDKs\/)|\/headroom\/(kc|kdk|mnt|journal)\/|\.KDK\./;
    expect((await made.cleanEnd('remove_kdk')).filter((line) => left.test(line))).toEqual([]);
  });
});

describe('kill', () => kills(mac));
describe('hang', () => hangs(mac, tools));
describe('disk full', () => fullDisks(mac));
describe('wrong input', () => wrongInput(mac));
