/** The commands as an admin runs them: beside a running controller, without one, into a new folder, and their refusals. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { withFolder } from './support/postgres.ts';

const run = promisify(execFile);
const PROGRAM = join(process.cwd(), 'apps/controller/dist/main.js');
/** No DATABASE_URL of whoever runs the tests. */
const env = { PATH: process.env['PATH'] };

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function controller(...args: readonly string[]): Promise<Ended> {
  const command = run(process.execPath, [PROGRAM, ...args], { env });
  return command.then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      out: error.stdout,
      err: error.stderr,
    }),
  );
}

/** Runs `work` beside a controller on the folder; gives its API's address. */
async function beside<T>(stateDir: string, work: (apiUrl: string) => Promise<T>): Promise<T> {
  const args = [PROGRAM, 'serve', '--state-dir', stateDir, '--simulation', '--exit-with-parent'];
  const child = spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'ignore'] });
  try {
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    return await work((JSON.parse(line.toString('utf8')) as { apiUrl: string }).apiUrl);
  } finally {
    child.stdin.end();
    await once(child, 'exit');
  }
}

async function createToken(apiUrl: string, stateDir: string): Promise<void> {
  const token = (await readFile(join(stateDir, 'admin.token'), 'utf8')).trim();
  const answer = await fetch(`${apiUrl}/api/v1/enrol-tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ labels: ['moved'], uses: 3, expiresInHours: 1 }),
  });
  expect(answer.status, await answer.text()).toBeLessThan(300);
}

const linesOf = async (file: string) =>
  gunzipSync(await readFile(file))
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .slice(1, -1);

describe('headroom-controller export and import', () => {
  it('moves a fleet into a new folder, where the old admin token is good', async () => {
    await withFolder(async (folder) => {
      const [old, moved] = [join(folder, 'old'), join(folder, 'moved')];
      const [file, later, again] = ['a', 'b', 'c'].map((name) => join(folder, `${name}.gz`)) as [
        string,
        string,
        string,
      ];
      await beside(old, async (apiUrl) => {
        await createToken(apiUrl, old);
        const ended = await controller('export', '--state-dir', old, '--out', file);
        expect(ended).toMatchObject({ code: 0, err: expect.stringContaining('keys') });
        expect(JSON.parse(ended.out)).toMatchObject({ file, rows: (await linesOf(file)).length });
        expect((await stat(file)).mode & 0o777).toBe(0o600);
        const nowhere = await controller('export', '--state-dir', old, '--out', join(folder, 'none', 'a.gz'));
        expect(nowhere).toMatchObject({
          code: 1,
          err: expect.stringMatching(/^headroom-controller: .*cannot be written.*\n$/),
        });
        expect(await controller('import', '--state-dir', old, '--in', file)).toMatchObject({
          code: 1,
          err: expect.stringContaining('Another controller runs'),
        });
      });
      expect((await controller('export', '--state-dir', old, '--out', later)).code).toBe(0);
      expect(await controller('export', '--state-dir', old, '--out', later)).toMatchObject({
        code: 1,
        err: expect.stringContaining('exists already'),
      });

      expect(await controller('import', '--state-dir', moved, '--in', later)).toMatchObject({ code: 0 });
      expect(await controller('import', '--state-dir', moved, '--in', later)).toMatchObject({
        code: 1,
        err: expect.stringContaining('not empty'),
      });
      expect((await controller('export', '--state-dir', moved, '--out', again)).code).toBe(0);
      expect(await linesOf(again)).toEqual(await linesOf(later));
      for (const part of ['keys', 'admin.token']) await cp(join(old, part), join(moved, part), { recursive: true });
      await beside(moved, async (apiUrl) => createToken(apiUrl, moved));
    });
  }, 300_000);

  it('refuses what cannot be, and leaves nothing behind', async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'x.gz');
      const nothing = await controller('export', '--state-dir', folder, '--out', file);
      expect(nothing).toMatchObject({ code: 1, err: expect.stringContaining('holds no Postgres') });
      await expect(stat(file)).rejects.toThrow('ENOENT');
      await expect(stat(`${file}.partial`)).rejects.toThrow('ENOENT');
      expect(await controller('export', '--state-dir', folder)).toMatchObject({ code: 2 });
      expect(await controller('import', '--frobnicate')).toMatchObject({ code: 2 });
      await writeFile(file, 'hello');
      const damaged = await controller('import', '--state-dir', join(folder, 'new'), '--in', file);
      expect(damaged).toMatchObject({ code: 1, err: expect.stringContaining('cannot be imported') });
    });
  }, 180_000);
});
