/** Whatever goes wrong, the image is detached, and what went wrong is what is told. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { AgentError } from '../../agent-error.ts';
import type { Mac } from '../../mac.ts';
import type { RunResult } from '../../macos/runner.ts';
import { withMounted } from './mounts.ts';

const root = mkdtempSync(join(tmpdir(), 'headroom-mounts-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const attached = (mountPoint: string) =>
  `<plist version="1.0"><dict><key>system-entities</key><array><dict><key>dev-entry</key><string>/dev/disk9</string>
  <key>mount-point</key><string>${mountPoint}</string></dict></array></dict></plist>`;

/** hdiutil that attaches and detaches, and whose `info` cannot be read. */
function macWithoutInfo() {
  const calls: (readonly string[])[] = [];
  const run = async (path: string, args: readonly string[]) => {
    calls.push(args);
    const [verb = ''] = args;
    const stdout = verb === 'attach' ? attached(args[args.indexOf('-mountpoint') + 1] ?? '') : '';
    const ended = { missing: false, timedOut: false, aborted: false, outputCut: false, startError: null, signal: null };
    return { ...ended, command: path, exitCode: verb === 'info' ? 1 : 0, stdout, stderr: '' } satisfies RunResult;
  };
  const mac = { path: (path: string) => join(root, path), run } as unknown as Mac;
  return { mac, calls };
}

describe('withMounted', () => {
  it('detaches by the mount point when hdiutil cannot list what is attached, and keeps the true error', async () => {
    const { mac, calls } = macWithoutInfo();
    let used = '';
    const work = withMounted(mac, '/kdk.dmg', new AbortController().signal, async (mountPoint) => {
      used = mountPoint;
      throw new AgentError('KDK_NOT_APPLE_SIGNED', 'a Developer ID');
    });
    await expect(work).rejects.toMatchObject({ code: 'KDK_NOT_APPLE_SIGNED' });
    expect(calls.filter(([verb]) => verb === 'detach')).toEqual([
      ['detach', used],
      ['detach', used, '-force'],
    ]);
  });
});
