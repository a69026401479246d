/** The one file that is shipped must be the agent: it reads a simulated Mac as the built one does, and raises it end to end. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootMac, createMac } from '../../packages/mac-sim/dist/index.js';
import { Fleet } from '../../packages/quickstart/dist/index.js';
import { HOME, makeRelease, type Release, ROOT } from './release.ts';

const folder = mkdtempSync(join(tmpdir(), 'headroom-bundle-'));
let release: Release;
beforeAll(async () => {
  release = await makeRelease(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const RAISE_MS_MAX = 110_000;

describe('bundled agent', () => {
  it('reads the same facts as the built agent', () => {
    const mac = join(folder, 'mac');
    createMac(mac, { variant: 'T8112', version: '14.5', build: '23F79', id: 'bundle' });
    bootMac(mac);
    const facts = (main: string) => {
      const text = execFileSync(process.execPath, [main, 'facts', '--sysroot', mac, '--json'], {
        encoding: 'utf8',
        env: {},
      });
      const { collectedAt: _, disk: __, ...rest } = JSON.parse(text);
      return rest;
    };
    const bundled = facts(join(release.layout, HOME, 'agent.cjs'));
    expect(bundled.kernel.variant).toBe('T8112');
    expect(bundled).toEqual(facts(join(ROOT, 'apps/agent/dist/main.js')));
  });

  it(
    'raises a simulated Mac under a real controller, with the kit that lies beside it',
    async () => {
      // A project folder whose built agent is the bundle; Node follows links, so the bundle finds its own kit.
      const root = join(folder, 'project');
      mkdirSync(join(root, 'apps/agent/dist'), { recursive: true });
      symlinkSync(join(ROOT, 'apps/controller'), join(root, 'apps/controller'));
      symlinkSync(join(release.layout, HOME, 'agent.cjs'), join(root, 'apps/agent/dist/main.js'));
      const choices = [{ variant: 'T6020', os: '14.5', build: '23F79' }];
      const fleet = await Fleet.start({ root, stateDir: join(folder, 'state'), choices });
      try {
        await fleet.wantQuota(255);
        const until = Date.now() + RAISE_MS_MAX;
        let [host] = await fleet.hosts();
        while (host?.state !== 'raised' && Date.now() < until) {
          await fleet.technicians.round();
          await sleep(300);
          [host] = await fleet.hosts();
        }
        expect(host?.state, JSON.stringify(host?.findings)).toBe('raised');
      } finally {
        await fleet.stop();
      }
    },
    RAISE_MS_MAX + 40_000,
  );
});
