/** A start that was cut while it made a Mac leaves a part of one: the next start makes it anew, and leaves a whole one alone. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadState, simPaths } from '@headroom/mac-sim';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FleetMac } from './mac.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hr-mac-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const choice = { variant: 'T6020', os: '14.5', build: '23F79' };
const macIn = (dir: string) =>
  new FleetMac({ agentMain: '/nowhere/main.js', dir, name: 'mac-1', choice, logFile: '/dev/null' });

it.each([
  ['nothing but folders', () => {}],
  ['all but its state', (dir: string) => writeFileSync(simPaths(dir).marker, '{"headroom-mac-sim":1}')],
])('of which there is %s', (_what, lay) => {
  const dir = join(folder, 'mac-1');
  mkdirSync(join(dir, 'Library/Preferences'), { recursive: true });
  mkdirSync(simPaths(dir).sim);
  lay(dir);
  macIn(dir);
  const { hardware } = loadState(dir);
  writeFileSync(join(dir, 'Users/Shared/mine'), '');
  expect(macIn(dir).hardwareUuid).toBe(hardware.hostUuid);
  // It is still there: nothing was made anew.
  rmSync(join(dir, 'Users/Shared/mine'));
});
