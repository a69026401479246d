/** The one file that is shipped must be the agent: it reads a simulated Mac as the built one does (e2e/earlier-agent raises one with it). */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootMac, createMac } from '../../packages/mac-sim/dist/index.js';
import { HOME, makeRelease, type Release, ROOT } from './release.ts';

const folder = mkdtempSync(join(tmpdir(), 'headroom-bundle-'));
let release: Release;
beforeAll(async () => {
  release = await makeRelease(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

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
});
