/** Goal: a tool that outlived its agent is ended at the next start, and nobody else's process is. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runTool, watchTools } from '../macos/runner.ts';
import { markOf, stillRuns } from '../state/process-mark.ts';
import { type FakeMac, fakeMac } from '../testing/fake-mac.ts';
import { recordTools } from './tool-record.ts';

let mac: FakeMac;
let child: ChildProcess;
beforeEach(() => {
  mac = fakeMac();
  child = spawn('/bin/sleep', ['60'], { detached: true, stdio: 'ignore' });
});
afterEach(() => {
  watchTools(null);
  child.kill('SIGKILL');
  mac.remove();
});

const journal = (): string => join(mac.sysroot, 'var/db/headroom/journal');
const note = (record: unknown): void => writeFileSync(join(journal(), '.tool-1'), JSON.stringify(record));
const pidOf = ({ pid }: ChildProcess): number => pid ?? 0;

async function startAgain(): Promise<readonly string[]> {
  const lines: string[] = [];
  await recordTools(mac, (line) => lines.push(line));
  return lines;
}

describe('tools left by a killed agent', () => {
  it('are ended at the next start, and said', async () => {
    await startAgain();
    const mark = markOf(pidOf(child), new Date());
    note({ ...mark, tool: '/usr/bin/kmutil' });
    expect(await startAgain()).toEqual([`ended /usr/bin/kmutil (process ${mark.pid}), left by a killed agent`]);
    expect(await stillRuns(mark)).toBe(false);
    expect(readdirSync(journal())).toEqual([]);
  });

  it.each([
    ['another start', { start: 'boot 1' }],
    ['a damaged note', { start: 7 }],
    ['no start', { start: '' }],
    ['every process', { pid: -1 }],
    ['our own group', { pid: 0 }],
  ])('are left alone with %s', async (_name, change) => {
    await startAgain();
    const mark = markOf(pidOf(child), new Date());
    note({ ...mark, tool: '/usr/bin/kmutil', ...change });
    expect(await startAgain()).toEqual([]);
    expect(await stillRuns(mark)).toBe(true);
    expect(readdirSync(journal())).toEqual([]);
  });
});

describe('a running tool', () => {
  it('is noted from its start to its end', async () => {
    await startAgain();
    mac.tool('/usr/bin/slow', 'sleep 0.3');
    const running = runTool({ sysroot: mac.sysroot, path: '/usr/bin/slow', args: [] });
    const [name = ''] = readdirSync(journal());
    expect(JSON.parse(readFileSync(join(journal(), name), 'utf8'))).toMatchObject({ tool: '/usr/bin/slow' });
    await running;
    expect(readdirSync(journal())).toEqual([]);
  });
});
