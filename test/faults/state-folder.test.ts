/** Where the state folder lies, and who starts the controller: as root, as anybody else, deep down, and where it may not write. */
import { spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControllerProcess } from '../support/controller-process.ts';

const LAUNCHER = fileURLToPath(new URL('../../bin/headroom-controller.mjs', import.meta.url));
const isRoot = process.getuid?.() === 0;
const isLinux = process.platform === 'linux';
/** The user that owns nothing. */
const NOBODY = 65534;
const asNobody =
  isRoot &&
  spawnSync(process.execPath, ['--check', LAUNCHER], { uid: NOBODY, gid: NOBODY, stdio: 'ignore' }).status === 0;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hr-state-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Answer {
  readonly code: number | null;
  readonly ready: boolean;
  readonly stderr: string;
}

/** Starts it in front of anything that is to be in force, and lets it end once it is ready. */
function serve(stateDir: string, before: readonly string[] = [], uid?: number): Promise<Answer> {
  const all = [...before, process.execPath, LAUNCHER, 'serve', '--state-dir', stateDir, '--simulation'];
  const [command = '', ...args] = [...all, '--exit-with-parent'];
  const child = spawn(command, args, {
    env: { PATH: '/usr/bin:/bin' },
    stdio: 'pipe',
    ...(uid !== undefined && { uid, gid: uid }),
  });
  child.stdin.on('error', () => {});
  const seen = { ready: false, stderr: '' };
  child.stdout.once('data', () => {
    seen.ready = true;
    child.stdin.end();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    seen.stderr += chunk.toString('utf8');
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...seen })));
}

describe('the controller', { timeout: 90_000 }, () => {
  it(`starts ${isRoot ? 'as root' : 'as this user'}, where the path is too long for a socket, and keeps all to itself`, async () => {
    const stateDir = join(folder, 'deep'.repeat(25), 'down'.repeat(25));
    const controller = await ControllerProcess.start({ stateDir });
    try {
      expect((await controller.call<{ status: string }>('GET', '/readyz')).status).toBe('ok');
      expect(statSync(stateDir).mode & 0o777).toBe(0o700);
      const second = await ControllerProcess.refused({ stateDir });
      expect([second.code, second.stderr]).toEqual([1, expect.stringMatching(/Another controller runs on .*down/)]);
    } finally {
      expect((await controller.stop()).code).toBe(0);
    }
  });

  it.skipIf(!asNobody)(
    'starts as a user without any rights (needs root, to become one that may read this folder)',
    async () => {
      chownSync(folder, NOBODY, NOBODY);
      const { code, ready, stderr } = await serve(join(folder, 'state'), [], NOBODY);
      expect([code, ready], stderr).toEqual([0, true]);
      expect(statSync(join(folder, 'state/postgres')).uid).toBe(NOBODY);
    },
  );

  it.skipIf(!isRoot)(
    "refuses a state folder that is somebody else's (needs root, to become another user)",
    async () => {
      const answer = await serve(folder, [], NOBODY);
      expect(answer).toEqual({ code: 1, ready: false, stderr: expect.stringMatching(unusable(folder, 'EPERM')) });
      const below = join(folder, 'state');
      expect((await serve(below, [], NOBODY)).stderr).toMatch(unusable(below, 'EACCES'));
      expect(existsSync(below)).toBe(false);
    },
  );

  it('refuses a state folder that is a file', async () => {
    const stateDir = join(folder, 'state');
    writeFileSync(stateDir, 'kept');
    expect((await serve(stateDir)).stderr).toMatch(unusable(stateDir, 'EEXIST'));
    expect(statSync(stateDir).size).toBe(4);
  });

  it.skipIf(!isRoot || !isLinux)('says so where root may not make user namespaces (needs root on Linux)', async () => {
    const forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"';
    const before = ['/usr/bin/unshare', '--user', '--map-root-user', '--', '/bin/sh', '-c', forbid, 'sh'];
    const stateDir = join(folder, 'state');
    const { code, ready, stderr } = await serve(stateDir, before);
    expect([code, ready]).toEqual([1, false]);
    const advice = 'allows no user namespace to hide it in. Run the controller as another user, or give DATABASE_URL.';
    expect(stderr.trim().split('\n').at(-1)).toContain(`initdb could not make ${stateDir}/postgres: unshare:`);
    expect(stderr).toContain(`Postgres does not run as root, and this machine ${advice}`);
    expect(
      readdirSync(stateDir).filter((name) => name.startsWith('postgres')),
      'nothing is left half-made',
    ).toEqual([]);
  });
});

/** One line, with the reason and the next step, and no stack. */
function unusable(stateDir: string, reason: string): RegExp {
  return new RegExp(
    `^headroom-controller: The state folder ${stateDir} cannot be used by user \\d+: ${reason}.*another --state-dir\\.\n$`,
  );
}
