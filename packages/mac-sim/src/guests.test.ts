/** Goal: the kernel's quota holds for macOS guests alone, and leaked slots come back with a boot only. */
import { expect, it } from 'vitest';
import { startGuests, stopGuests } from './guests.ts';
import { bootMac, restartMac } from './power.ts';
import { newMac, raisedMac } from './testing/macs.ts';

it('a stock Mac takes two macOS guests and refuses the third with the words of the captures', () => {
  const dir = newMac();
  bootMac(dir);
  const { started, refusal } = startGuests(dir, 3, 'macos');
  expect(started).toBe(2);
  expect(refusal).toMatch(
    /^Error Domain=VZErrorDomain Code=6 "The maximum supported number of active virtual machines/,
  );
});

it('Linux guests do not count', () => {
  const dir = newMac();
  bootMac(dir);
  expect(startGuests(dir, 5, 'linux')).toEqual({ started: 5, refusal: null });
  expect(startGuests(dir, 2, 'macos').refusal).toBeNull();
});

it('a raised Mac takes more', () => {
  expect(startGuests(raisedMac(), 9, 'macos')).toEqual({ started: 9, refusal: null });
});

it('a leaked slot is free again after a boot', () => {
  const dir = newMac();
  bootMac(dir);
  startGuests(dir, 2, 'macos');
  stopGuests(dir, 2, 'leak');
  expect(startGuests(dir, 1, 'macos').started).toBe(0);
  restartMac(dir);
  expect(startGuests(dir, 2, 'macos').started).toBe(2);
});
