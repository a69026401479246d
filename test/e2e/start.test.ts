/** `npm start` as a person uses it: gives up with reasons, goes on where it was whenever it was cut, stops all it started. */
import { afterAll, describe, expect, it } from 'vitest';
import { type RunningStart, StartFolder } from './support/start-process.ts';
import { pause, until } from './support/until.ts';

const STOP_MS = 10_000;
const SAYS_MS = 90_000;

describe.skipIf(process.platform !== 'linux')('npm start (needs Linux: /proc)', { timeout: 180_000 }, () => {
  const folder = new StartFolder();
  afterAll(() => folder.remove());
  const says = (start: RunningStart, words: RegExp) =>
    until(
      `it says ${words}`,
      async () => ({ met: words.test(start.output()), value: null, seen: start.output() }),
      SAYS_MS,
    );
  /** Killed once it has said this; all that it started ends with it. */
  const cut = async (words: RegExp) => {
    const start = folder.start(['--macs', '2']);
    await says(start, words);
    start.child.kill('SIGKILL');
    await start.ended;
    expect(await folder.orphans()).toEqual([]);
    return start.output();
  };

  it('killed while its Macs enrol, it goes on with those that it made', async () => {
    await cut(/2 Mac\(s\) enrol/);
    expect(await cut(/^mac-2 .*: [a-z]/m)).toContain('enrol');
  });

  it('exits 1 with the reason of each Mac when time is over, and leaves nothing running', async () => {
    const { code, output } = await folder.start(['--macs', '2', '--exit-when-raised', '--timeout', '2']).ended;
    expect(output).toContain('not every Mac was raised within 2 s:');
    for (const name of ['mac-1', 'mac-2'])
      expect(output).toMatch(new RegExp(`^${name}: [a-z_]+, online; waits for .+$`, 'm'));
    expect(code).toBe(1);
    expect(await folder.orphans()).toEqual([]);
  });

  it('killed while a person types in recoveryOS, it leaves nothing running', async () => {
    expect(await cut(/in recoveryOS, a person types/)).not.toContain('enrol');
  });

  it('a second start goes on with the same Macs and exits 0 once all are raised', async () => {
    const { code, output } = await folder.start(['--macs', '2', '--exit-when-raised']).ended;
    expect(output).not.toContain('enrol');
    expect(output).toMatch(/^2 of 2 raised after [0-9.]+ s$/m);
    expect(code, output).toBe(0);
    expect(await folder.orphans()).toEqual([]);
  });

  it('a third start finds them raised, after new evidence, without another visit', async () => {
    const { code, output } = await folder.start(['--macs', '2', '--exit-when-raised']).ended;
    expect(output).not.toContain('in recoveryOS');
    expect(code, output).toBe(0);
  });

  it('SIGINT stops all it started within 10 s', async () => {
    const start = folder.start(['--macs', '2']);
    await says(start, /2 of 2 raised/);
    await pause(500);
    expect(folder.processes().length).toBeGreaterThan(4);
    const asked = Date.now();
    start.child.kill('SIGINT');
    const { code } = await start.ended;
    expect(await folder.orphans(STOP_MS)).toEqual([]);
    expect(Date.now() - asked).toBeLessThan(STOP_MS);
    expect(code).toBe(0);
  });

  it('wrong options exit 2 before anything is started', async () => {
    const { code, output } = await folder.start(['--macs', 'many']).ended;
    expect(output).toContain('--macs takes a whole number from 1 to 50');
    expect(code).toBe(2);
    expect(folder.processes()).toEqual([]);
  });
});
