import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandError, runTool, runToolOrThrow } from './runner.ts';
import { checkSysroot, isSimulated, resolve, SysrootError } from './sysroot.ts';

let sysroot: string;
beforeEach(() => {
  sysroot = mkdtempSync(join(tmpdir(), 'headroom-runner-'));
  mkdirSync(join(sysroot, 'usr/bin'), { recursive: true });
});
afterEach(() => rmSync(sysroot, { recursive: true, force: true }));

function tool(name: string, body: string): string {
  const path = join(sysroot, 'usr/bin', name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return `/usr/bin/${name}`;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.startsWith('Z') === false;
  } catch {
    return false;
  }
}

describe('runTool', () => {
  it('gives both streams and the exit status without throwing', async () => {
    const path = tool('both', 'echo out; echo err >&2; exit 3');
    const result = await runTool({ sysroot, path, args: [] });
    expect(result).toMatchObject({ exitCode: 3, stdout: 'out\n', stderr: 'err\n', timedOut: false, missing: false });
  });

  it('clears the environment, has no shell and no stdin', async () => {
    process.env['HEADROOM_TEST_LEAK'] = 'leak';
    const path = tool('env', 'env | grep -v -e ^_= -e ^PWD= -e ^SHLVL= | sort; printf "%s\\n" "$@"; cat');
    const result = await runTool({ sysroot, path, args: ['$(id)', 'a b'] });
    delete process.env['HEADROOM_TEST_LEAK'];
    expect(result.stdout.split('\n')).toEqual([
      'HOME=/var/root',
      'LANG=C',
      'LC_ALL=C',
      expect.stringMatching(/^PATH=/),
      '$(id)',
      'a b',
      '',
    ]);
  });

  it('passes input when given', async () => {
    const result = await runTool({ sysroot, path: tool('cat', 'cat'), args: [], input: 'yes\n' });
    expect(result.stdout).toBe('yes\n');
  });

  it('kills the tool and its children at the time limit', async () => {
    const pidFile = join(sysroot, 'child.pid');
    const path = tool('hang', `sleep 60 & echo $! > ${pidFile}; trap "" TERM; wait; sleep 60`);
    const result = await runTool({ sysroot, path, args: [], timeoutMs: 1_500 });
    expect(result).toMatchObject({ timedOut: true, exitCode: null, signal: 'SIGKILL' });
    expect(existsSync(pidFile)).toBe(true);
    expect(alive(Number(readFileSync(pidFile, 'utf8')))).toBe(false);
  });

  it('stops on abort, also when aborted before', async () => {
    const controller = new AbortController();
    const run = runTool({ sysroot, path: tool('hang', 'sleep 60'), args: [], signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    expect(await run).toMatchObject({ aborted: true, timedOut: false });
    expect(await runTool({ sysroot, path: '/usr/bin/hang', args: [], signal: controller.signal })).toMatchObject({
      aborted: true,
      exitCode: null,
    });
  });

  it('does not wait for a child that left the group and holds the streams', async () => {
    const path = tool('daemon', 'setsid sleep 20 & exec sleep 60');
    const before = Date.now();
    const result = await runTool({ sysroot, path, args: [], timeoutMs: 200 });
    expect(result).toMatchObject({ timedOut: true });
    expect(Date.now() - before).toBeLessThan(18_000);
  });

  it('refuses a command line that the system does not take', async () => {
    const args = [`x${'y'.repeat(3_000_000)}`];
    expect(await runTool({ sysroot, path: tool('cat', 'cat'), args })).toMatchObject({ startError: 'E2BIG' });
  });

  it('cuts output at the limit', async () => {
    const path = tool('flood', 'while :; do echo flood; done');
    const result = await runTool({ sysroot, path, args: [], outputBytesMax: 5000 });
    expect(result.outputCut).toBe(true);
    expect(result.stdout.length).toBeLessThanOrEqual(5000);
  });

  it('tells a missing tool from one that may not be started', async () => {
    expect(await runTool({ sysroot, path: '/usr/bin/none', args: [] })).toMatchObject({ missing: true });
    tool('closed', 'exit 0');
    chmodSync(join(sysroot, 'usr/bin/closed'), 0o644);
    const result = await runTool({ sysroot, path: '/usr/bin/closed', args: [] });
    expect(result).toMatchObject({ missing: false, startError: 'EACCES' });
  });

  it('throws a CommandError with the first line on request', async () => {
    const path = tool('fail', 'echo; echo "bad thing" >&2; exit 7');
    const run = runToolOrThrow({ sysroot, path, args: ['-x'] });
    await expect(run).rejects.toBeInstanceOf(CommandError);
    await expect(run).rejects.toMatchObject({ command: '/usr/bin/fail -x', exitCode: 7, firstLine: 'bad thing' });
  });
});

describe('sysroot', () => {
  it('keeps paths inside', () => {
    expect(resolve('/', '/usr/sbin/nvram')).toBe('/usr/sbin/nvram');
    expect(resolve('/tmp/sim', '/usr/sbin/nvram')).toBe('/tmp/sim/usr/sbin/nvram');
    for (const path of ['usr/x', '/../etc', '/a/../../b', '/a\0b'])
      expect(() => resolve('/s', path)).toThrow(SysrootError);
    expect(resolve('/s', '/a..b')).toBe('/s/a..b');
  });

  it('needs the marker for any folder other than /', () => {
    expect(checkSysroot('/')).toBe('/');
    expect(() => checkSysroot(sysroot)).toThrow(/mac-sim create/);
    mkdirSync(join(sysroot, '.mac-sim'));
    writeFileSync(join(sysroot, '.mac-sim/marker.json'), '{"headroom-mac-sim": 2}');
    expect(isSimulated(sysroot)).toBe(false);
    writeFileSync(join(sysroot, '.mac-sim/marker.json'), '{"headroom-mac-sim": 1}');
    expect(isSimulated(sysroot)).toBe(true);
    expect(checkSysroot(sysroot)).toBe(sysroot);
    expect(isSimulated('/')).toBe(false);
  });
});
