/** Goal: `mac-sim kdk` makes the image that its options say, and refuses options it does not understand. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { kdkCommand } from './cli.ts';
import { readContainer } from './container.ts';

const out = mkdtempSync(join(tmpdir(), 'kdk-'));
afterAll(() => rmSync(out, { recursive: true, force: true }));
const command = (...more: string[]) => {
  let printed = '';
  kdkCommand(['--os', '26.2', '--build', '25C56', '--out', out, '--json', ...more], (text) => {
    printed += text;
  });
  return JSON.parse(printed) as { path: string; sha256: string; sizeBytes: number };
};

describe('mac-sim kdk', () => {
  it('writes an image and says its size and sha256', () => {
    const { path, sha256, sizeBytes } = command(
      '--variants',
      't8142, T6041',
      '--signature',
      'expired',
      '--no-quota-support',
    );
    const bytes = readFileSync(path);
    expect(basename(path)).toBe('Kernel_Debug_Kit_26.2_build_25C56.dmg');
    expect({ sha256, sizeBytes }).toEqual({
      sha256: createHash('sha256').update(bytes).digest('hex'),
      sizeBytes: bytes.length,
    });
    const text = bytes.toString('latin1');
    expect(text).toContain('DEVELOPMENT_ARM64_T8142');
    expect(text).not.toContain('hv_apple_isa_vm_quota');
    expect(text).toContain('"signature":"expired"');
    expect(readContainer('disk image', path).files.map((file) => file.path)).toEqual([
      'KernelDebugKit.pkg',
      'uninstall.tool',
    ]);
  });

  it('refuses what it does not understand, with what it expects', () => {
    expect(() => command('--signature', 'mine')).toThrow(/"mine" is unknown; expected apple, expired/);
    expect(() => command('--variants', '../x')).toThrow(/expected e.g. T6020/);
    expect(() => command('--build', '../x')).toThrow(/expected e.g. 23F79/);
    expect(() => kdkCommand(['--os', '26.2'])).toThrow(/--os, --build and --out are needed/);
  });
});
