// Goal: nothing is removed for good by a clock that has just jumped.
import { expect, it } from 'vitest';
import { ClockTrust, SETTLE_MS } from './clock-trust.ts';
import { Daily } from './daily.ts';

const START = Date.parse('2026-11-28T10:00:00Z');
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** A machine whose two clocks the test moves; asks each minute, as the plain timer does. */
function machine(make = (elapsedMs: () => number) => new ClockTrust(elapsedMs)) {
  let elapsed = 0;
  let ahead = 0;
  const trust = make(() => elapsed);
  const ask = () => trust.isSettled(new Date(START + elapsed + ahead));
  return {
    ask,
    jump: (ms: number) => {
      ahead += ms;
    },
    run: (ms: number, drift = 0) => {
      const answers = new Set<boolean>();
      for (const until = elapsed + ms; elapsed < until; ) {
        elapsed += MINUTE;
        ahead += drift;
        answers.add(ask());
      }
      return [...answers];
    },
  };
}

it('a clock is trusted some hours after the start, not before', () => {
  const mac = machine();
  expect(mac.ask()).toBe(false);
  expect(mac.run(SETTLE_MS - MINUTE)).toEqual([false]);
  expect(mac.run(MINUTE)).toEqual([true]);
});

it.each([
  ['to 2099', 73 * 365 * DAY],
  ['ahead by months', 60 * DAY],
  ['back to 1970', -57 * 365 * DAY],
  ['over a sleep of an hour', 60 * MINUTE],
])('a jump %s ends that for as long again, and so does the way back', (_what, ms) => {
  const mac = machine();
  mac.ask();
  mac.run(SETTLE_MS);
  for (const jump of [ms, -ms]) {
    mac.jump(jump);
    expect(mac.run(SETTLE_MS)).toEqual([false]);
    expect(mac.run(MINUTE)).toEqual([true]);
  }
});

it('a clock that is set right little by little stays trusted', () => {
  const mac = machine();
  mac.ask();
  mac.run(SETTLE_MS);
  expect(mac.run(DAY, 30)).toEqual([true]);
});

it('what is done daily is done again after a day, a minute after a failure, and when the clock was set back', async () => {
  const daily = new Daily();
  const ran: number[] = [];
  const at = (ms: number, work = async () => {}) =>
    daily.run(new Date(START + ms), async () => {
      ran.push(ms);
      await work();
    });
  await expect(at(0, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  await at(MINUTE - 1);
  await at(MINUTE);
  await at(DAY);
  await at(DAY + MINUTE);
  await at(100 * 365 * DAY);
  await at(DAY + 2 * MINUTE);
  expect(ran).toEqual([0, MINUTE, DAY + MINUTE, 100 * 365 * DAY, DAY + 2 * MINUTE]);
});

it('what time ends comes at once after a start, and some minutes after a jump: not if the clock jumped back meanwhile', () => {
  const mac = machine(ClockTrust.ofJumps);
  expect(mac.ask()).toBe(true);
  expect(mac.run(60 * MINUTE)).toEqual([true]);
  mac.jump(365 * DAY);
  expect(mac.run(10 * MINUTE)).toEqual([false]);
  mac.jump(-365 * DAY);
  expect(mac.run(14 * MINUTE)).toEqual([false]);
  mac.run(2 * MINUTE);
  expect(mac.ask()).toBe(true);
});
