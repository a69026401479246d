/** Goal: a code opens one visit on one Mac with one kernel collection, and a person can type it. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CROCKFORD,
  crockford25,
  VISIT_CODE_LENGTH,
  type VisitCodeInput,
  visitCode,
  visitCodeText,
  visitRandom,
} from './visit-code.ts';

const md5 = (text: string): string => createHash('md5').update(text, 'utf8').digest('hex');

const input: VisitCodeInput = {
  random: '7Q2MZ',
  kcMd5: 'cd'.repeat(16),
  hostUuid: '3D6B9F2E-1111-4222-8333-444455556666',
  quota: 255,
  bootArgs: 'kcsuffix=development hypervisor=0x1 hv_apple_isa_vm_quota=0xFF',
  expiresAt: '2026-06-01T00:00:00.000Z',
};

describe('visit code', () => {
  it('hashes one line that the kit can write too', () => {
    expect(visitCodeText(input)).toBe(
      'headroom-visit-1|7Q2MZ|cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd|3D6B9F2E-1111-4222-8333-444455556666|255|kcsuffix=development hypervisor=0x1 hv_apple_isa_vm_quota=0xFF|2026-06-01T00:00:00.000Z',
    );
  });

  it.each([
    ['0000000', '00000'],
    ['fffffff', 'ZZZZZ'],
    ['0000007', '00000'],
    ['0000008', '00001'],
    ['0000010', '00002'],
    ['8000000', 'G0000'],
    ['FFFFFFF0', 'ZZZZZ'],
  ])('takes the first 25 bits of %s: %s', (hex, code) => {
    expect(crockford25(hex)).toBe(code);
  });

  it.each(['', '123456', 'xyzxyzx', '12345g7'])('takes no code from %j', (hex) => {
    expect(() => crockford25(hex)).toThrow(RangeError);
  });

  it('takes its random part from 4 random bytes, not fewer', () => {
    expect(visitRandom(Uint8Array.of(0xff, 0xff, 0xff, 0xff))).toBe('ZZZZZ');
    expect(visitRandom(Uint8Array.of(0x80, 0, 0, 0))).toBe('G0000');
    expect(() => visitRandom(Uint8Array.of(1, 2, 3))).toThrow(RangeError);
  });

  it.each(['', '7Q2M', '7Q2MZ0', '7q2mz', '7Q2MI'])('refuses the random part %j', (random) => {
    expect(() => visitCode({ ...input, random }, md5)).toThrow(RangeError);
  });

  it.each<[string, Partial<VisitCodeInput>]>([
    ['kernel collection', { kcMd5: 'ce'.repeat(16) }],
    ['Mac', { hostUuid: '4D6B9F2E-1111-4222-8333-444455556666' }],
    ['quota', { quota: 254 }],
    ['arguments', { bootArgs: 'hypervisor=0x1' }],
    ['expiry', { expiresAt: '2026-06-02T00:00:00.000Z' }],
  ])('changes with another %s', (_name, changes) => {
    expect(visitCode({ ...input, ...changes }, md5)).not.toBe(visitCode(input, md5));
  });

  it('is always 10 letters of the alphabet, and the random part leads it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 8 }), fc.string(), (bytes, bootArgs) => {
        const random = visitRandom(bytes);
        const code = visitCode({ ...input, random, bootArgs }, md5);
        expect(code).toHaveLength(VISIT_CODE_LENGTH);
        expect([...code].every((letter) => CROCKFORD.includes(letter))).toBe(true);
        expect(code.startsWith(random)).toBe(true);
      }),
    );
  });
});
