/** Goal: the simulated kernel reads arguments as XNU does, so that a value that Headroom writes wrongly has its real effect. */
import { describe, expect, it } from 'vitest';
import { guestQuota, kernelArgument, kernelNumber } from './kernel-args.ts';

describe('kernelNumber', () => {
  it.each([
    ['0xFF', 255],
    ['0XfF', 255],
    ['255', 255],
    ['010', 8],
    ['1k', 1024],
    ['2M', 2 * 1024 * 1024],
    ['0', 0],
    ['0x80000000', -2147483648],
    ['-1', -1],
    ['', null],
    ['ten', null],
    ['08', null],
  ])('%j is %j', (text, expected) => expect(kernelNumber(text)).toBe(expected));
});

it('the first of two equal keys wins, and a longer key is another key', () => {
  expect(kernelArgument('xa=1 a=2\ta=3', 'a')).toBe('2');
  expect(kernelArgument('-v', 'v')).toBeNull();
});

describe('guestQuota', () => {
  const raised = {
    kernel: 'development',
    bootArgsInForce: 'hypervisor=0x1 hv_apple_isa_vm_quota=0xFF',
    honoursQuota: true,
  } as const;
  it.each([
    ['all there', {}, 255],
    ['release kernel', { kernel: 'release' }, 2],
    ['kernel without the argument', { honoursQuota: false }, 2],
    ['no hypervisor', { bootArgsInForce: 'hv_apple_isa_vm_quota=0xFF' }, 2],
    ['hypervisor=0', { bootArgsInForce: 'hypervisor=0 hv_apple_isa_vm_quota=0xFF' }, 2],
    ['no quota', { bootArgsInForce: 'hypervisor=1' }, 2],
    ['negative quota allows none', { bootArgsInForce: 'hypervisor=1 hv_apple_isa_vm_quota=0x80000000' }, 0],
  ] as const)('%s', (_, change, expected) => expect(guestQuota({ ...raised, ...change })).toBe(expected));
});
