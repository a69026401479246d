/** Whatever goes wrong, the image is detached, and what went wrong is what is told. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { AgentError } from '../../agent-error.ts';
import type { Mac } from '../../mac.ts';
import type { RunResult } from '../../macos/runner.ts';
import { detachStaleMounts, withMounted } from './mounts.ts';

const root = mkdtempSync(join(tmpdir(), 'headroom-mounts-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const attached = (mountPoint: string) =>
  `<plist version="1.0"><dict><key>system-entities</key><array><dict><key>dev-entry</key><string>/dev/disk9</string>
  <key>mount-point</key><string>${mountPoint}</string></dict></array></dict></plist>`;

const NO_IMAGES = '<plist version="1.0"><dict><key>images</key><array/></dict></plist>';

/** hdiutil that attaches and detaches, and whose `info` prints this; null = it cannot be read. */
function macWithInfo(info: string | null) {
  const calls: (readonly string[])[] = [];
  const run = async (path: string, args: readonly string[]) => {
    calls.push(args);
    const [verb = ''] = args;
    const isDetached = calls.some(([first]) => first === 'detach');
    const printed: Readonly<Record<string, string>> = {
      attach: attached(args[args.indexOf('-mountpoint') + 1] ?? ''),
      info: info !== null && isDetached ? NO_IMAGES : (info ?? ''),
    };
    const ended = { missing: false, timedOut: false, aborted: false, outputCut: false, startError: null, signal: null };
    const exitCode = verb === 'info' && info === null ? 1 : 0;
    return { ...ended, command: path, exitCode, stdout: printed[verb] ?? '', stderr: '' } satisfies RunResult;
  };
  const mac = { path: (path: string) => join(root, path), run } as unknown as Mac;
  return { mac, calls };
}

describe('withMounted', () => {
  it('detaches by the mount point when hdiutil cannot list what is attached, and keeps the true error', async () => {
    const { mac, calls } = macWithInfo(null);
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

describe('what a cut attach left', () => {
  const image = (path: string, entity: string) =>
    `<plist version="1.0"><dict><key>images</key><array><dict><key>image-path</key><string>${path}</string>
    <key>system-entities</key><array><dict><key>dev-entry</key><string>/dev/disk7</string>${entity}</dict></array></dict></array></dict></plist>`;
  const elsewhere = '<key>mount-point</key><string>/Volumes/Kernel Debug Kit</string>';

  it.each<[string, string, readonly (readonly string[])[]]>([
    ['of ours, mounted nowhere', image('/private/var/db/headroom/kdk/ab.part', ''), [['detach', '/dev/disk7']]],
    ['of ours, mounted elsewhere', image('/var/db/headroom/kdk/ab.part', elsewhere), [['detach', '/dev/disk7']]],
    ['of somebody else', image('/Users/anna/kdk.dmg', elsewhere), []],
  ])('an image %s', async (_what, info, detached) => {
    const { mac, calls } = macWithInfo(info);
    mkdirSync(join(root, '/var/db/headroom/mnt/kdk-left'), { recursive: true });
    expect(await detachStaleMounts(mac)).toEqual([]);
    expect(calls.filter(([verb]) => verb === 'detach')).toEqual(detached);
  });
});
