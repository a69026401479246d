/** Goal: macOS lets boot-args be written only with SIP's guard off, buffers the write, and says what the captures say. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { writeNvram } from './nvram-write.ts';
import { bootMac } from './power.ts';
import { BOOT_NAMESPACE_GUID, loadState, nvramValue, updateState } from './state.ts';
import { newMac } from './testing/macs.ts';

const REFUSED = readFileSync(
  new URL('../../../test/fixtures/macos/nvram/set-not-permitted.stderr.txt', import.meta.url),
  'utf8',
);

function mac(sip0: string | null): string {
  const dir = newMac();
  bootMac(dir);
  updateState(dir, (draft) => {
    draft.policy.sip0 = sip0;
  });
  return dir;
}

describe('nvram, writing', () => {
  it.each([null, '3f'])('refuses boot-args while the guard is on (sip0 %s)', (sip0) => {
    const dir = mac(sip0);
    expect(writeNvram(dir, ['boot-args=-v'], true)).toEqual({ status: 1, stderr: REFUSED });
    expect(nvramValue(loadState(dir), 'boot-args')).toBeNull();
  });

  it('refuses everybody but root', () => {
    expect(writeNvram(mac('7f'), ['boot-args=-v'], false)).toEqual({ status: 1, stderr: REFUSED });
  });

  it.each(['boot-args', `${BOOT_NAMESPACE_GUID}:boot-args`])('buffers %s until it is saved', (name) => {
    const dir = mac('7f');
    expect(writeNvram(dir, [`${name}=-v a=b`], true)).toEqual({ status: 0 });
    expect(loadState(dir).nvram).toMatchObject({ unflushed: { 'boot-args': '-v a=b' } });
    expect(loadState(dir).nvram.stored['boot-args']).toBeUndefined();
    writeNvram(dir, ['-s'], true);
    expect(loadState(dir).nvram.stored['boot-args']).toBe('-v a=b');
  });

  it('deletes, and says when there is nothing to delete', () => {
    const dir = mac('7f');
    writeNvram(dir, ['boot-args=-v'], true);
    expect(writeNvram(dir, ['-d', 'boot-args'], true)).toEqual({ status: 0 });
    expect(nvramValue(loadState(dir), 'boot-args')).toBeNull();
    expect(writeNvram(dir, ['-d', 'boot-args'], true)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('data was not found'),
    });
  });
});
