/** Goal: the command line says what it did, and tells a wrong command (2) from a refusal (1). */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { newFolder } from './testing/macs.ts';

const LAUNCHER = fileURLToPath(new URL('../../../bin/mac-sim.mjs', import.meta.url));

function macSim(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [LAUNCHER, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

it('a Mac from creation to the power cut', () => {
  const dir = join(newFolder(), 'mac');
  const create = ['create', dir, '--variant', 'T8122', '--os', '15.1', '--build', '24B82', '--id', 'desk'];
  expect(macSim(...create)).toEqual({
    status: 0,
    stdout: 'desk: Mac15,3 T8122, macOS 15.1 24B82, power off\n',
    stderr: '',
  });
  expect(macSim(...create)).toMatchObject({ status: 1, stderr: expect.stringContaining('not empty') });
  expect(macSim('boot', dir).stdout).toContain('power macos, release kernel, 2 macOS guests allowed');
  expect(macSim('guests', dir, '--start', '3')).toMatchObject({
    status: 1,
    stdout: '2 of 3 guests started\n',
    stderr: expect.stringContaining('VZErrorDomain Code=6'),
  });
  expect(macSim('power-cut', dir).status).toBe(0);
  expect(JSON.parse(macSim('state', dir, '--json').stdout)).toMatchObject({ power: 'off', guests: [], bootCount: 1 });
});

it('an update is offered, prepared and enforced until it is installed', () => {
  const dir = join(newFolder(), 'mac');
  macSim('create', dir, '--variant', 'T6020', '--os', '14.5', '--build', '23F79');
  macSim('boot', dir);
  const files = () =>
    spawnSync('find', [join(dir, '.mac-sim/preboot'), join(dir, 'private/var/db'), '-name', 'S*.plist']);
  const found = () =>
    (
      files()
        .stdout.toString()
        .match(/[^/]+\/[^/]+\.plist/g) ?? []
    ).sort();
  const next = ['--os', '14.6', '--build', '23G80'];
  expect(macSim('offer', dir, ...next, '--prepared', '--enforced-at', '2026-12-01T03:00:00').status).toBe(0);
  expect(found()).toEqual(['proposed/SystemVersion.plist', 'softwareupdate/SoftwareUpdateDDMStatePersistence.plist']);
  expect(spawnSync(join(dir, 'usr/sbin/softwareupdate'), ['--list']).stdout.toString()).toContain('-23G80');
  expect(macSim('offer', dir, '--none').status).toBe(0);
  expect(found()).toEqual([]);
  macSim('offer', dir, ...next, '--prepared');
  expect(macSim('update', dir, ...next).stdout).toContain('macOS 14.6 23G80');
  expect(found()).toEqual([]);
});

it.each([[[]], [['nonsense']], [['create']], [['boot', '--what']], [['guests', '/tmp', '--start', '-1']]])(
  '%j is a wrong command',
  (args) => {
    expect(macSim(...args)).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining('mac-sim COMMAND'),
    });
  },
);

it('lists breaks and provenance', () => {
  expect(macSim('break', '--list').stdout).toMatch(/^sip-enabled +`csrutil enable`/m);
  const { counts, rows } = JSON.parse(macSim('provenance', '--json').stdout) as { counts: object; rows: unknown[] };
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(rows.length);
});
