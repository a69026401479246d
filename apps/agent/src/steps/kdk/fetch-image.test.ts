import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HOME } from '../../paths.ts';
import { type FakeMac, fakeMac } from '../../testing/fake-mac.ts';
import type { OpenKdkImage, StepContext } from '../step.ts';
import { fetchImage, partPath } from './fetch-image.ts';

const bytes = Buffer.from('kernel debug kit '.repeat(1000));
const kdk = {
  ...{ build: '23F79', version: '14.5', fileName: 'kdk.dmg', sizeBytes: bytes.length },
  sha256: createHash('sha256').update(bytes).digest('hex'),
};

let mac: FakeMac;
beforeEach(() => {
  mac = fakeMac();
  mac.file(`${HOME}/.keep`, '');
});
afterEach(() => mac.remove());

/** Serves `bytes` in small chunks; each stream breaks after `streamBytes`. */
function source(asked: number[], streamBytes: number, served = bytes): OpenKdkImage {
  return async function* (_sha256, offset) {
    asked.push(offset);
    for (let at = offset; at < served.length; at += 1000) {
      if (at - offset >= streamBytes) throw new Error('connection reset');
      yield { offset: at, totalBytes: served.length, data: served.subarray(at, at + 1000) };
    }
  };
}

function context(openKdkImage: OpenKdkImage, signal = new AbortController().signal): StepContext {
  return { mac, openKdkImage, signal, progress: () => {} } as unknown as StepContext;
}

describe('fetchImage', () => {
  it('goes on from the last byte after each cut', async () => {
    const asked: number[] = [];
    const path = await fetchImage(kdk, context(source(asked, 6000)));
    expect(asked).toEqual([0, 6000, 12_000]);
    expect(readFileSync(mac.path(path)).equals(bytes)).toBe(true);
  });

  it('goes on from what an earlier run left', async () => {
    mac.file(partPath(kdk), bytes.subarray(0, 5000).toString());
    const asked: number[] = [];
    await fetchImage(kdk, context(source(asked, Number.POSITIVE_INFINITY)));
    expect(asked).toEqual([5000]);
  });

  it('fetches all of it anew when what an earlier run left is damaged', async () => {
    mac.file(partPath(kdk), Buffer.alloc(5000).toString());
    const asked: number[] = [];
    const path = await fetchImage(kdk, context(source(asked, Number.POSITIVE_INFINITY)));
    expect(asked).toEqual([5000, 0]);
    expect(readFileSync(mac.path(path)).equals(bytes)).toBe(true);
  });

  it('keeps no file with other bytes or of another size', async () => {
    const other = Buffer.from(bytes).fill('x', 0, 10);
    const wrongBytes = fetchImage(kdk, context(source([], Number.POSITIVE_INFINITY, other)));
    await expect(wrongBytes).rejects.toMatchObject({ code: 'KDK_SHA256_MISMATCH' });
    expect(existsSync(mac.path(partPath(kdk)))).toBe(false);
    const longer = Buffer.concat([bytes, bytes]);
    const wrongSize = fetchImage(kdk, context(source([], Number.POSITIVE_INFINITY, longer)));
    await expect(wrongSize).rejects.toMatchObject({ code: 'KDK_SHA256_MISMATCH' });
  });

  it('ends at once when the agent stops', async () => {
    const stop = new AbortController();
    stop.abort();
    await expect(fetchImage(kdk, context(source([], 0), stop.signal))).rejects.toThrow(/abort/i);
  });
});
