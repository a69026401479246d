import { emptyFacts } from '@headroom/core';
import { describe, expect, it } from 'vitest';
import { backoff } from './backoff.ts';
import { targetOf } from './client.ts';
import { newFactsSender } from './facts-sender.ts';
import { newWake } from './wake.ts';

describe('backoff', () => {
  it('doubles up to its limit, half of it random, and starts anew after a reset', () => {
    const highest = backoff(100, 350, () => 1);
    expect([highest.next(), highest.next(), highest.next(), highest.next()]).toEqual([100, 200, 350, 350]);
    highest.reset();
    expect(highest.next()).toBe(100);
    expect(backoff(100, 350, () => 0).next()).toBe(50);
  });
});

describe('wake', () => {
  it('keeps a wake-up that came while nobody waited', async () => {
    const wake = newWake();
    wake.wake();
    const before = Date.now();
    await wake.wait(60_000, new AbortController().signal);
    expect(Date.now() - before).toBeLessThan(30_000);
  });

  it('ends with the signal', async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 10);
    const before = Date.now();
    await newWake().wait(60_000, stop.signal);
    expect(Date.now() - before).toBeLessThan(30_000);
  });
});

describe('facts that travel', () => {
  const facts = emptyFacts('not read in this test');
  it('are whole at first, then only when they changed, and again when asked for', () => {
    const sender = newFactsSender();
    const first = sender.forCheckIn(facts);
    expect(first.json.length).toBeGreaterThan(0);
    expect(sender.forCheckIn(facts)).toEqual({ json: Buffer.alloc(0), sha256: first.sha256 });
    expect(sender.forCheckIn({ ...facts, fileVault: 'on' }).sha256).not.toBe(first.sha256);
    sender.forget();
    expect(sender.forCheckIn({ ...facts, fileVault: 'on' }).json.length).toBeGreaterThan(0);
  });
});

describe('the address to dial', () => {
  it('is a name with a port, of an https URL', () => {
    expect(targetOf('https://localhost:8443')).toBe('localhost:8443');
    expect(targetOf('controller.example:9000')).toBe('controller.example:9000');
    expect(() => targetOf('http://localhost:1')).toThrow(/expected https/);
  });
});
