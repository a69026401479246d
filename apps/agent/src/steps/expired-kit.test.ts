import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type FakeMac, fakeMac } from '../testing/fake-mac.ts';
import { disarmExpiredKit, watchExpiry } from './expired-kit.ts';

const END = '2026-11-28T12:00:00.000Z';
const BEFORE = new Date('2026-11-28T11:59:59.999Z');
const ARMS = ['raise', 'KernelCollection.kc'];
const WAY_BACK = ['revert', 'check', 'manifest', 'BREAK-GLASS.txt', 'receipt'];

let mac: FakeMac;
beforeEach(() => {
  mac = fakeMac();
  mkdirSync(mac.path('/Library/Headroom'), { recursive: true });
  mac.tool('/bin/ls', `echo 'drwxr-xr-x  2 root  wheel  64 Nov  1 08:00 /Library/Headroom'`);
  for (const name of [...ARMS, ...WAY_BACK]) writeFileSync(at(name), 'x');
  manifest(END);
});
afterEach(() => mac.remove());

const at = (name: string): string => mac.path(`/Library/Headroom/${name}`);
const manifest = (expires: string): void => writeFileSync(at('manifest'), `headroom-manifest=1\nexpires=${expires}\n`);
const there = (names: readonly string[]): readonly string[] => names.filter((name) => existsSync(at(name)));

describe('a visit kit whose consent has ended', () => {
  it('loses what raises, and keeps what leads back', async () => {
    expect(await disarmExpiredKit(mac, BEFORE)).toEqual([]);
    expect(there(ARMS)).toEqual(ARMS);
    expect(await disarmExpiredKit(mac, new Date(END))).toEqual(ARMS);
    expect(there(ARMS)).toEqual([]);
    expect(there(WAY_BACK)).toEqual(WAY_BACK);
    expect(await disarmExpiredKit(mac, new Date(END))).toEqual([]);
  });

  it.each(['', 'soon'])('is left alone when its end is %j', async (expires) => {
    manifest(expires);
    expect(await disarmExpiredKit(mac, new Date(END))).toEqual([]);
    expect(there(ARMS)).toEqual(ARMS);
  });

  it('is found while the agent lives, and trouble is told once', async () => {
    const stop = new AbortController();
    const said: string[] = [];
    let now = BEFORE;
    mac.tool('/bin/ls', 'exit 1');
    const watching = watchExpiry({
      ...{ mac, now: () => now, log: (text: string) => said.push(text) },
      ...{ signal: stop.signal, everyMs: 5 },
    });
    now = new Date(END);
    await vi.waitFor(() => expect(said).toHaveLength(1), 20_000);
    mac.tool('/bin/ls', `echo 'drwxr-xr-x  2 root  wheel  64 Nov  1 08:00 /Library/Headroom'`);
    await vi.waitFor(() => expect(there(ARMS)).toEqual([]), 20_000);
    stop.abort();
    await watching;
    expect(said).toHaveLength(2);
    expect(said[1]).toContain('removed raise KernelCollection.kc');
  });
});
