import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { INSTALLED_KDKS_FILE } from '../paths.ts';
import { readKdks } from './kdks.ts';

let sysroot: string;
beforeEach(() => {
  sysroot = mkdtempSync(join(tmpdir(), 'headroom-kdks-'));
});
afterEach(() => rmSync(sysroot, { recursive: true }));

const write = (path: string, content: string, mode = 0o644): void => {
  mkdirSync(dirname(join(sysroot, path)), { recursive: true });
  writeFileSync(join(sysroot, path), content, { mode });
};

const layOut = (name: string, kernels: Readonly<Record<string, string>>, build: string | null): void => {
  const system = `Library/Developer/KDKs/${name}/System/Library`;
  mkdirSync(join(sysroot, system), { recursive: true });
  for (const [file, content] of Object.entries(kernels)) write(`${system}/Kernels/${file}`, content);
  const plist = `<plist version="1.0"><dict><key>ProductBuildVersion</key><string>${build}</string></dict></plist>`;
  if (build !== null) write(`${system}/CoreServices/SystemVersion.plist`, plist);
};

const read = async () => {
  const found = await readKdks({ sysroot });
  if (!found.ok) throw new Error(found.reason);
  return found.value;
};

it('tells whole ones from husks', async () => {
  layOut('KDK_14.5_23F79.kdk', { 'kernel.development.t6020': 'x', 'kernel.development': 'intel' }, '23F79');
  layOut('KDK_14.6_23G80.kdk', { 'kernel.development.t6020': '', 'kernel.development.t8103': 'x' }, '23G80');
  layOut('KDK_15.0_24A335.kdk', { 'kernel.development.t6020': 'x' }, null);
  layOut('KDK_15.1_24B82.kdk', { 'kernel.development.t6020': 'x' }, '24B83');
  layOut('KDK_15.2_24C101.kdk', {}, '24C101');
  mkdirSync(join(sysroot, 'Library/Developer/KDKs/KDK_14.5_23F79.pkg'));
  const rows = (await read()).map(({ build, complete, variants, reason }) => [
    build,
    complete,
    variants.join(),
    reason,
  ]);
  expect(rows).toEqual([
    ['23F79', true, 'T6020', null],
    ['23G80', false, 'T8103', 'kernel files are empty: T6020'],
    ['24A335', false, 'T6020', 'its SystemVersion.plist is missing or names no build'],
    ['24B82', false, 'T6020', 'its SystemVersion.plist names build 24B83, its folder 24B82'],
    ['24C101', false, '', 'it holds no development kernel for Apple silicon'],
  ]);
});

it.each([
  ['com.apple.pkg.Other\\ncom.apple.pkg.KDK.23F79', 0, null],
  ['com.apple.pkg.Other', 0, 'its installation did not come to its end: there is no receipt com.apple.pkg.KDK.23F79'],
  ['', 1, 'whether its installation came to its end is not known: /usr/sbin/pkgutil exited 1'],
  [null, 0, 'whether its installation came to its end is not known: /usr/sbin/pkgutil is not on this Mac'],
] as const)(
  'one that Headroom installs is complete with its receipt only: %s, exit %i',
  async (printed, code, reason) => {
    layOut('KDK_14.5_23F79.kdk', { 'kernel.development.t8112': 'x' }, '23F79');
    layOut('KDK_14.6_23G80.kdk', { 'kernel.development.t8112': 'x' }, '23G80');
    write(INSTALLED_KDKS_FILE, JSON.stringify({ builds: ['23F79'] }));
    if (printed !== null) write('/usr/sbin/pkgutil', `#!/bin/sh\nprintf '${printed}\\n'\nexit ${code}\n`, 0o755);
    expect((await read()).map((kdk) => [kdk.complete, kdk.reason, kdk.ours])).toEqual([
      [reason === null, reason, true],
      [true, null, undefined],
    ]);
  },
);
