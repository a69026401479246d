/** Goal: state survives concurrent writers, failing changes and dead lock holders. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { simPaths } from './paths.ts';
import { isSimulated, loadState, updateState } from './state.ts';
import { newFolder, newMac } from './testing/macs.ts';

const BUILT = new URL('../dist/state.js', import.meta.url).href;
const ADD_TEN = `
  const [module, dir] = process.argv.slice(1);
  const { updateState } = await import(module);
  for (let i = 0; i < 10; i += 1) updateState(dir, (draft) => { draft.leakedSlots += 1; });`;

describe('updateState', () => {
  it('loses no change when processes write at once', async () => {
    const dir = newMac();
    const run = promisify(execFile);
    const writer = () => run(process.execPath, ['--input-type=module', '-e', ADD_TEN, BUILT, dir]);
    await Promise.all([writer(), writer(), writer()]);
    expect(loadState(dir).leakedSlots).toBe(30);
  });

  it('leaves everything as it was when the change throws, and frees the lock', () => {
    const dir = newMac();
    const before = readFileSync(simPaths(dir).state, 'utf8');
    const failing = () =>
      updateState(dir, (draft) => {
        draft.power = 'macos';
        throw new Error('no');
      });
    expect(failing).toThrow('no');
    expect(readFileSync(simPaths(dir).state, 'utf8')).toBe(before);
    expect(existsSync(simPaths(dir).lock)).toBe(false);
  });

  it('takes over the lock of a process that died', () => {
    const dir = newMac();
    const deadPid = 4_194_303;
    writeFileSync(simPaths(dir).lock, String(deadPid));
    updateState(dir, (draft) => {
      draft.mdmEnrolled = true;
    });
    expect(loadState(dir).mdmEnrolled).toBe(true);
  });
});

it('says what to do with a folder that is no simulated Mac', () => {
  const folder = newFolder();
  expect(isSimulated(folder)).toBe(false);
  expect(() => loadState(folder)).toThrow(/is not a simulated Mac.*mac-sim create/);
  expect(isSimulated(newMac())).toBe(true);
});
