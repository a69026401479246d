import { emptyFacts } from '@headroom/core';
import { describe, expect, it } from 'vitest';
import { newFactsReader } from './facts-reader.ts';

function newBed() {
  let now = 0;
  let readings = 0;
  const reader = newFactsReader(
    async () => {
      readings += 1;
      return emptyFacts('not read in this test');
    },
    () => now,
  );
  return { reader, readings: () => readings, pass: (ms: number) => (now += ms) };
}

describe('when facts are read', () => {
  it('is once in the age allowed, however often they are asked for', async () => {
    const { reader, readings, pass } = newBed();
    for (let minute = 0; minute < 10; minute += 1) {
      await reader.recent(300_000);
      pass(60_000);
    }
    expect(readings()).toBe(2);
  });

  it('is at once after a witness or a new session, and a reading for a job counts', async () => {
    const { reader, readings } = newBed();
    await reader.read();
    await reader.recent(1000);
    expect(readings()).toBe(1);
    reader.expire();
    await reader.recent(1000);
    expect(readings()).toBe(2);
  });

  it('does not take a reading for fresh that began before it expired', async () => {
    const { reader, readings } = newBed();
    const began = reader.read();
    reader.expire();
    await began;
    await reader.recent(1000);
    expect(readings()).toBe(2);
  });
});
