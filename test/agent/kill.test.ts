/**
 * kill -9 of the agent in a plan of several steps: the next start goes on with the step that was cut, and ends with all of them done.
 * Each step by itself is killed anywhere in faults/kills.ts.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SimulatedMac } from './simulated-mac.ts';

/** A line of the agent's output, and how long after it the kill comes. */
const KILLS: readonly (readonly [line: string, afterMs: number])[] = [
  ['install_kdk: KDK ', 0],
  ['build_kc: building', 300],
  ['place_kit: copying', 0],
];

const UNDONE_BY: readonly (readonly [step: string, folder: string])[] = [
  ['install_kdk', 'Library/Developer/KDKs'],
  ['build_kc', 'var/db/headroom/kc'],
  ['place_kit', 'Library/Headroom'],
];

describe('kill -9 and start again', () => {
  let mac: SimulatedMac;
  const pace = (ms: number) =>
    writeFileSync(join(mac.sysroot, '.mac-sim/pace.json'), JSON.stringify({ kmutilCreateMs: ms, installerMs: 0 }));
  beforeAll(async () => {
    mac = new SimulatedMac().start();
    pace(0);
    expect((await mac.apply(mac.plan(mac.raiseSteps()))).code).toBe(0);
  });
  afterAll(() => mac.remove());

  it.each(KILLS)('after "%s" and %i ms', async (line, afterMs) => {
    for (const [step, folder] of UNDONE_BY)
      if (line.startsWith(step)) rmSync(join(mac.sysroot, folder), { recursive: true, force: true });
    const plan = mac.plan(mac.raiseSteps());
    // However slow this machine is, the tool is not done when the kill comes.
    pace(30_000);
    expect(await mac.applyAndKill(plan, line, afterMs), 'the kill hit').toBe(true);
    pace(0);
    const { code, stdout } = await mac.apply(plan);
    expect(stdout).toMatch(/step 3 of 3 place_kit: succeeded/);
    expect(code).toBe(0);
    expect(mac.list('/var/db/headroom/kc')).toEqual(['23F79-T6020.kc', '23F79-T6020.kc.json']);
    for (const folder of ['mnt', 'kdk', 'journal']) expect(mac.list(`/var/db/headroom/${folder}`)).toEqual([]);
    expect(mac.list('/Library/Headroom')).toEqual([
      'BREAK-GLASS.txt',
      'KernelCollection.kc',
      'check',
      'manifest',
      'raise',
      'revert',
    ]);
    expect(mac.list('/Library/Developer/KDKs')).toEqual(['KDK_14.5_23F79.kdk']);
  });
});
