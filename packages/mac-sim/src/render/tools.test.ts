/** Goal: the tools, run as the agent runs them (absolute path, empty environment), print the right thing on the right stream. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { breakMac } from '../breaks.ts';
import { isDoingTool } from '../doing/programs.ts';
import { startGuests } from '../guests.ts';
import { bootMac, shutDownMac } from '../power.ts';
import { loadState, updateState } from '../state.ts';
import { COIH, installKernel, newMac, RAISED_BOOT_ARGS, raisedMac } from '../testing/macs.ts';
import { CHANGING_TOOLS } from './render.ts';
import { tableOutputs } from './table.ts';

const capture = (path: string): string =>
  readFileSync(new URL(`../../../../test/fixtures/macos/${path}`, import.meta.url), 'utf8');

function run(dir: string, tool: string, args: readonly string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(join(dir, tool), args, { cwd: '/', env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

const ok = (stdout: string) => ({ status: 0, stdout, stderr: '' });

describe('a raised Mac', () => {
  let dir = '';
  beforeAll(() => {
    dir = raisedMac();
  });

  it('every form of the table prints what was rendered', () => {
    const state = loadState(dir);
    if (state.boot === null) throw new Error('not booted');
    const outputs = tableOutputs(state, state.boot);
    for (const { tool, args, out, err = '', status = 0 } of outputs) {
      // Arguments hold no blanks themselves, so the form splits back into them.
      const words = args === '' ? [] : args.split(' ');
      expect({ tool, args, ...run(dir, tool, words) }).toEqual({ tool, args, status, stdout: out, stderr: err });
    }
    expect(outputs.length).toBeGreaterThan(80);
  });

  it('shows the evidence', () => {
    const { boot } = loadState(dir);
    const names = ['kern.osbuildconfig', 'kern.bootargs', 'kern.filesetuuid'];
    expect(run(dir, 'usr/sbin/sysctl', ['-n', ...names])).toEqual(
      ok(`development\n${RAISED_BOOT_ARGS}\n${boot?.filesetUuid}\n`),
    );
    expect(run(dir, 'usr/sbin/nvram', ['boot-args'])).toEqual(ok(capture('nvram/boot-args-quota.txt')));
    expect(run(dir, 'usr/bin/csrutil', ['status'])).toEqual(ok(capture('csrutil/disabled.txt')));
    expect(run(dir, 'usr/bin/bputil', ['-d', '-v', loadState(dir).volumes.group]).stdout).toContain(
      `(coih): ${COIH}\n`,
    );
  });

  it('answers unknown oids on stderr and goes on with the known ones', () => {
    const quota = run(dir, 'usr/sbin/sysctl', ['kern.hv_apple_isa_vm_quota', 'kern.osbuildconfig']);
    expect(quota).toEqual({
      status: 1,
      stdout: capture('sysctl/osbuildconfig-development.txt'),
      stderr: capture('sysctl/unknown-oid.stderr.txt'),
    });
  });

  it('says that a form is not simulated instead of guessing', () => {
    expect(run(dir, 'usr/bin/csrutil', ['report'])).toMatchObject({
      status: 64,
      stdout: '',
      stderr: expect.stringContaining('is not simulated'),
    });
  });
});

describe('a stock Mac', () => {
  let dir = '';
  beforeAll(() => {
    dir = newMac();
    bootMac(dir);
  });

  it('has no boot arguments', () => {
    const unset = { status: 1, stdout: '', stderr: capture('nvram/boot-args-unset.stderr.txt') };
    expect(run(dir, 'usr/sbin/nvram', ['boot-args'])).toEqual(unset);
    expect(run(dir, 'usr/sbin/sysctl', ['kern.bootargs'])).toEqual(ok(capture('sysctl/bootargs-empty.txt')));
  });

  it('refuses to write them while SIP is on, through the real program', () => {
    const refused = { status: 1, stdout: '', stderr: capture('nvram/set-not-permitted.stderr.txt') };
    expect(run(dir, 'usr/sbin/nvram', ['boot-args=-v'])).toEqual(refused);
  });

  it('bputil wants root', () => {
    const refused = { status: 1, stdout: '', stderr: capture('bputil/not-root.stderr.txt') };
    expect(run(dir, 'usr/bin/bputil', ['-d'], { HEADROOM_SIM_UID: '501' })).toEqual(refused);
  });

  it('diskutil does not know other volumes', () => {
    const found = run(dir, 'usr/sbin/diskutil', ['info', '-plist', '/Volumes/SMB']);
    expect(found).toEqual({ status: 1, stdout: capture('diskutil/info-not-found.plist'), stderr: '' });
  });

  it('ps shows one process per guest, whatever its kind', () => {
    startGuests(dir, 1, 'macos');
    startGuests(dir, 2, 'linux');
    const { stdout } = run(dir, 'bin/ps', ['-axo', 'comm=']);
    expect(stdout.match(/com\.apple\.Virtualization\.VirtualMachine$/gm)).toHaveLength(3);
  });
});

it('writes through nvram, reads back, and a deleted variable is gone at once', () => {
  const dir = newMac();
  installKernel(dir, { bootArgs: null });
  bootMac(dir);
  expect(run(dir, 'usr/sbin/nvram', ['boot-args=a=1 b']).status).toBe(0);
  expect(run(dir, 'usr/sbin/nvram', ['boot-args'])).toEqual(ok('boot-args\ta=1 b\n'));
  expect(run(dir, 'usr/sbin/sysctl', ['-n', 'kern.bootargs'])).toEqual(ok('\n'));
  expect(run(dir, 'usr/sbin/nvram', ['-d', 'boot-args']).status).toBe(0);
  expect(run(dir, 'usr/sbin/nvram', ['boot-args']).status).toBe(1);
});

it('shell characters in values and names stay text', () => {
  const dir = newMac({ systemName: "Bob's $(touch /tmp/x) `id` & <disk>" });
  bootMac(dir);
  updateState(dir, (draft) => {
    draft.nvram.stored['boot-args'] = 'a="$(id)" \\n %s';
  });
  expect(run(dir, 'usr/sbin/nvram', ['boot-args'])).toEqual(ok('boot-args\ta="$(id)" \\n %s\n'));
  expect(run(dir, 'usr/sbin/diskutil', ['info', '-plist', '/']).stdout).toContain(
    "<string>Bob's $(touch /tmp/x) `id` &amp; &lt;disk&gt;</string>",
  );
});

it('no tool answers while macOS does not run', () => {
  const dir = raisedMac();
  shutDownMac(dir);
  expect(run(dir, 'usr/bin/uname', ['-v'])).toMatchObject({
    status: 69,
    stdout: '',
    stderr: expect.stringContaining('is not running macOS'),
  });
});

describe('tools that misbehave', () => {
  it('fail, vanish and come back', () => {
    const dir = raisedMac();
    breakMac(dir, 'bputil-fails');
    breakMac(dir, 'system-profiler-missing');
    breakMac(dir, 'fileset-unreadable');
    expect(run(dir, 'usr/bin/bputil', ['-d']).status).toBe(1);
    expect(existsSync(join(dir, 'usr/sbin/system_profiler'))).toBe(false);
    expect(run(dir, 'usr/sbin/sysctl', ['-n', 'kern.filesetuuid'])).toMatchObject({ status: 1, stdout: '' });
    breakMac(dir, 'tools-mended');
    expect(run(dir, 'usr/bin/bputil', ['-d']).status).toBe(0);
    expect(run(dir, 'usr/sbin/system_profiler', ['SPiBridgeDataType', '-json']).status).toBe(0);
    expect(run(dir, 'usr/sbin/sysctl', ['-n', 'kern.filesetuuid']).status).toBe(0);
  });
});

it('the tools that change things reach their programs', () => {
  const dir = newMac();
  bootMac(dir);
  for (const tool of [...CHANGING_TOOLS, 'usr/bin/kmutil']) {
    const name = basename(tool);
    expect(isDoingTool(name), name).toBe(true);
    const { stderr } = run(dir, tool, ['--no-such-option']);
    expect(stderr, tool).not.toMatch(/Cannot find module|not simulated/);
  }
  expect(run(dir, 'usr/sbin/pkgutil', ['--pkgs'])).toMatchObject({ status: 0, stderr: '' });
});

it('df answers for every folder', () => {
  const dir = newMac();
  bootMac(dir);
  expect(run(dir, 'bin/df', ['-kP', '/']).stdout).toMatch(/^\/dev\/disk3s1s1 .* \/$/m);
  expect(run(dir, 'bin/df', ['-kP', '/private/var/db']).stdout).toMatch(/^\/dev\/disk3s5 .* \/System\/Volumes\/Data$/m);
});
