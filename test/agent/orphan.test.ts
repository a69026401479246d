/** A kmutil that goes on after kill -9 of the agent is ended by the next one, before it builds anew. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ProcessMark, stillRuns } from '../../apps/agent/src/state/process-mark.ts';
import { SimulatedMac } from './simulated-mac.ts';

let mac: SimulatedMac;
beforeAll(() => {
  mac = new SimulatedMac().start();
});
afterAll(() => mac.remove());

const pace = (kmutilCreateMs: number): void =>
  writeFileSync(join(mac.sysroot, '.mac-sim/pace.json'), JSON.stringify({ kmutilCreateMs, installerMs: 0 }));

it('leaves no tool behind for longer than until the next start', async () => {
  const [installKdk, buildKc] = mac.raiseSteps();
  if (installKdk === undefined || buildKc === undefined) throw new Error('no steps');
  const plan = mac.plan([installKdk, buildKc]);
  pace(60_000);
  expect(await mac.applyAndKill(plan, 'build_kc: building', 500)).toBe(true);
  const notes = mac.list('/var/db/headroom/journal').filter((name) => name.startsWith('.tool-'));
  const left = notes.map((name) => JSON.parse(mac.read(`/var/db/headroom/journal/${name}`)) as ProcessMark);
  expect(left).toMatchObject([{ tool: '/usr/bin/kmutil' }]);
  expect(await Promise.all(left.map(stillRuns))).toEqual([true]);
  pace(0);
  const { code, stdout } = await mac.apply(plan);
  expect(stdout).toMatch(/^ended \/usr\/bin\/kmutil \(process [0-9]+\), left by a killed agent$/m);
  expect(await Promise.all(left.map(stillRuns))).toEqual([false]);
  expect(code).toBe(0);
  expect(mac.list('/var/db/headroom/journal')).toEqual([]);
});
