/** The kit is POSIX sh: shellcheck knows what bash 3.2 and others would not take. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KIT_SOURCE } from './visit-mac.ts';

const hasShellcheck = spawnSync('shellcheck', ['--version']).status === 0;

describe('the kit', () => {
  it.skipIf(!hasShellcheck)('is clean for shellcheck -s sh', () => {
    const { status, stdout } = spawnSync('shellcheck', ['-s', 'sh', join(KIT_SOURCE, 'raise')], { encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });

  it('is printable ASCII, so that any keyboard and screen of recoveryOS shows it', () => {
    expect(readFileSync(join(KIT_SOURCE, 'raise'), 'latin1')).toMatch(/^[\n\x20-\x7e]*$/);
  });
});
