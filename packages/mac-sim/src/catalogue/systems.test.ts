/** Goal: version texts equal the captured ones; nothing captured is presented for a kernel that nobody published. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { kernelTextProvenance, kernelVersionText, systemFor } from './systems.ts';

const CAPTURES = new URL('../../../../test/fixtures/macos/uname/', import.meta.url);

describe('kernelVersionText', () => {
  it.each([
    ['v-rel-t8112-13.4.1.txt', '13.4.1', '22F82', 'T8112', 'release'],
    ['v-rel-t6020-13.5.txt', '13.5', '22G74', 'T6020', 'release'],
    ['v-dev-t6020-14.0b4.txt', '14.0', '23A5301h', 'T6020', 'development'],
    ['v-t6031-14.8.7.txt', '14.8.7', '23J520', 'T6031', 'release'],
    ['v-rel-t8122-15.1.txt', '15.1', '24B82', 'T8122', 'release'],
    ['v-dev-t6031-15.1.txt', '15.1', '24B82', 'T6031', 'development'],
    ['v-dev-x86_64-15.1.txt', '15.1', '24B82', 'X86_64', 'development'],
    ['v-t6041-26.2.txt', '26.2', '25C56', 'T6041', 'release'],
    ['v-t6031-26.3.txt', '26.3', '25D125', 'T6031', 'release'],
    ['v-t6031-26.3.1-fork.txt', '26.3.1', '25D2128', 'T6031', 'release'],
    ['v-t6041-26.6.txt', '26.6.2', '25G83', 'T6041', 'release'],
    ['v-vmapple-27.0.txt', '27.0', '26A428', 'VMAPPLE', 'release'],
  ] as const)('%s', (file, version, build, variant, config) => {
    const system = systemFor(version, build);
    expect(`${kernelVersionText(system, variant, config)}\n`).toBe(readFileSync(new URL(file, CAPTURES), 'utf8'));
    expect(kernelTextProvenance(system, variant, config)).toBe('captured');
  });

  it('calls a text that nobody published invented', () => {
    const system = systemFor('14.5', '23F79');
    expect(kernelTextProvenance(system, 'T6020', 'release')).toBe('invented');
    expect(kernelVersionText(system, 'T6020', 'release')).toMatch(/RELEASE_ARM64_T6020$/);
  });
});

describe('systemFor', () => {
  it('knows the base build of a rapid response', () => {
    expect(systemFor('13.4.1', '22F770820d')).toMatchObject({ extra: '(c)', baseBuild: '22F82', xnu: '8796.121.3~7' });
  });

  it('takes an unknown build with invented numbers, the same every time', () => {
    expect(systemFor('15.9', '24Z99')).toEqual(systemFor('15.9', '24Z99'));
    expect(systemFor('15.9', '24Z99').provenance).toBe('invented');
  });

  it('refuses text that is no build', () => {
    expect(() => systemFor('14.5', '../x')).toThrow(/expected e.g. 23F79/);
  });
});
