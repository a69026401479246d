/** The visit code is computed twice, in TypeScript for the controller and in sh for recoveryOS: always the same. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CROCKFORD, type VisitCodeInput, visitCode } from '@headroom/core';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { parseShell } from '../../packages/mac-sim/dist/recovery/shell.js';
import { isHere } from './shells.ts';
import { KIT_SOURCE, md5 } from './visit-mac.ts';

const folder = mkdtempSync(join(tmpdir(), 'visit-code-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const text = (alphabet: string, length: number) =>
  fc.array(fc.constantFrom(...alphabet), { minLength: length, maxLength: length }).map((letters) => letters.join(''));

const input: fc.Arbitrary<VisitCodeInput> = fc.record({
  random: text(CROCKFORD, 5),
  kcMd5: text('0123456789abcdef', 32),
  hostUuid: fc.uuid(),
  quota: fc.integer({ min: 3, max: 0x7fffffff }),
  // Whatever a boot-args line may hold, also what a shell or printf might take for its own.
  bootArgs: fc
    .array(fc.constantFrom('hypervisor=0x1', '-v', '%s', '\\n', '$(x)', '`x`', '"', "'", '*', ' ', '|', '~', '#'), {
      minLength: 1,
      maxLength: 20,
    })
    .map((words) => `a${words.join(' ')}z`),
  expiresAt: fc
    .date({ min: new Date('2026-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
    .map((date) => date.toISOString()),
});

/** raise without its last line, so that its functions can be called one by one. */
function functionsOfRaise(): string {
  const script = readFileSync(join(KIT_SOURCE, 'raise'), 'utf8');
  const body = script.replace(/^main "\$@"\n$/m, '');
  expect(body).not.toBe(script);
  return body;
}

function codesInShell(shell: string, inputs: readonly VisitCodeInput[]): readonly string[] {
  const program = `${functionsOfRaise()}
while IFS='\t' read -r random kc_md5 host quota boot_args expires; do
  make_code "$random"
  say "$made_code"
done <"$1"
`;
  writeFileSync(join(folder, 'codes'), program);
  const rows = inputs.map(({ random, kcMd5, hostUuid, quota, bootArgs, expiresAt }) =>
    [random, kcMd5, hostUuid, quota, bootArgs, expiresAt].join('\t'),
  );
  writeFileSync(join(folder, 'inputs'), `${rows.join('\n')}\n`);
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  const md5Tool = 'if command -v md5sum >/dev/null; then md5sum | cut -d" " -f1; else exec /sbin/md5; fi';
  writeFileSync(join(bin, 'md5'), `#!/bin/sh\n${md5Tool}\n`, { mode: 0o755 });
  const { program: file, args } = parseShell(shell);
  const applet = args[0] === 'ash' ? ['ash'] : [];
  const mode = file.endsWith('bash') ? ['--posix'] : [];
  const output = execFileSync(file, [...applet, ...mode, join(folder, 'codes'), join(folder, 'inputs')], {
    env: { PATH: `${bin}:/usr/bin:/bin` },
    encoding: 'utf8',
  });
  return output.trimEnd().split('\n');
}

describe.each(['dash', 'bash --posix', 'busybox ash'])('visit code under %s', (shell) => {
  it.skipIf(!isHere(shell))('is the one that the controller computes, for many inputs', () => {
    const inputs = fc.sample(input, 150);
    expect(codesInShell(shell, inputs)).toEqual(inputs.map((each) => visitCode(each, md5)));
  });
});
