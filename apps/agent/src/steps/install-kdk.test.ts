/** An image that holds something else than it should, and an installer that leaves half a KDK: what is then on the Mac. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { emptyFacts, type PlanStep } from '@headroom/core';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { installedKdks, noteInstalledKdk } from '../state/installed-kdks.ts';
import { type FakeMac, fakeMac } from '../testing/fake-mac.ts';
import { installKdkStep } from './install-kdk.ts';
import type { StepContext } from './step.ts';

const IMAGE = Buffer.from('an image');
const KDK = { build: '23F79', version: '14.5', sizeBytes: IMAGE.length, fileName: 'k.dmg' };
const sha256 = createHash('sha256').update(IMAGE).digest('hex');
const step: Extract<PlanStep, { kind: 'install_kdk' }> = {
  kind: 'install_kdk',
  variant: 'T6020',
  kdk: { ...KDK, sha256 },
};
const FOLDER = '/Library/Developer/KDKs/KDK_14.5_23F79.kdk';

let mac: FakeMac;
beforeEach(() => {
  mac = fakeMac();
});
afterEach(() => mac.remove());

/** `hdiutil` whose image holds what this line lays at `$at`. */
function imageHolds(line: string): void {
  const plist = (entries: string) => `printf '%s' '<plist version="1.0"><dict>${entries}</dict></plist>'`;
  const entity =
    "<key>system-entities</key><array><dict><key>dev-entry</key><string>/dev/disk9</string><key>mount-point</key><string>'$6'</string></dict></array>";
  mac.tool(
    '/usr/bin/hdiutil',
    `state='${mac.sysroot}/attached'
case $1 in
attach) echo "$6" > "$state"; at='${mac.sysroot}'"$6"; ${line}; ${plist(entity)} ;;
detach) [ -f "$state" ] || exit 1; at='${mac.sysroot}'"$(cat "$state")"; rm -rf "$at"/*; rm "$state"; echo '"disk9" ejected.' ;;
info) exit 1 ;;
esac`,
  );
}

function context(): StepContext {
  const empty = emptyFacts('not read in this test');
  const at = { offset: 0, totalBytes: IMAGE.length, data: IMAGE };
  return {
    mac,
    facts: async () => ({
      ...empty,
      os: { ...empty.os, baseBuild: '23F79' },
      kernel: { ...empty.kernel, variant: 'T6020' },
    }),
    openKdkImage: async function* () {
      yield at;
    },
    progress: () => {},
    signal: AbortSignal.timeout(30_000),
  } as unknown as StepContext;
}

const act = (): Promise<void> => installKdkStep.act(step, context());

it('takes no link for the package: it leads out of the image, whose bytes alone are known', async () => {
  mac.file('/Users/Shared/evil.pkg', 'a package of somebody');
  imageHolds(`ln -s '${mac.sysroot}/Users/Shared/evil.pkg' "$at/KernelDebugKit.pkg"`);
  mac.tool('/usr/sbin/pkgutil', 'echo asked >> "$0.asked"');
  await expect(act()).rejects.toMatchObject({
    code: 'KDK_WRONG_PACKAGE',
    message: expect.stringContaining('plain file'),
  });
  expect(existsSync(mac.path('/usr/sbin/pkgutil.asked'))).toBe(false);
  expect(readdirSync(mac.path('/var/db/headroom/mnt'))).toEqual([]);
  expect(readdirSync(mac.path('/var/db/headroom/kdk'))).toEqual([]);
});

const SIGNED = `cat <<'END'
Package "KernelDebugKit.pkg":
   Status: signed Apple Software
   Certificate Chain:
    1. Software Update
       SHA1 fingerprint: 1E 34 E3 91 C6 44 37 DD 24 BE 57 B1 66 7B 2F DA 09 76 E1 FD
    2. Apple Software Update Certification Authority
       SHA1 fingerprint: FA 02 79 0F CE 9D 93 00 89 C8 C2 51 0B BC 50 B4 85 8E 6F BF
    3. Apple Root CA
       SHA1 fingerprint: 61 1E 5B 66 2C 59 3A 08 FF 58 D1 4A E2 24 52 D1 98 DF 6C 60
END`;

function appleKdk(receipt = ''): void {
  imageHolds('echo package > "$at/KernelDebugKit.pkg"');
  mac.tool(
    '/usr/sbin/pkgutil',
    `case $1 in
--check-signature) ${SIGNED}
;;
--expand) to='${mac.sysroot}'"$3"; mkdir -p "$to/KDK.pkg"; echo '<pkg-info identifier="com.apple.pkg.KDK.23F79"/>' > "$to/KDK.pkg/PackageInfo" ;;
--payload-files) echo ./Library/Developer/KDKs/KDK_14.5_23F79.kdk/System/Library/Kernels/kernel.development.t6020 ;;
--pkgs) [ -e "$0.forgot" ] || echo '${receipt}' ;;
--forget) echo "$2" > "$0.forgot" ;;
esac`,
  );
}

const BREAKS_OFF = (folder: string) =>
  `mkdir -p '${folder}/System'; echo half > '${folder}/System/file'; echo 'installer: Error - No space left on device' >&2; exit 1`;

it('leaves nothing of a KDK that the installer broke off, and no claim to one that somebody installs afterwards', async () => {
  appleKdk();
  mac.tool('/usr/sbin/installer', BREAKS_OFF(mac.path(FOLDER)));
  await expect(act()).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(existsSync(mac.path(FOLDER))).toBe(false);
  expect(await installedKdks(mac)).toEqual([]);
});

it('takes its own husk away with its receipt before it installs again: a second install that is cut is seen to be cut', async () => {
  appleKdk('com.apple.pkg.KDK.23F79');
  mac.file(`${FOLDER}/System/Library/Kernels/kernel.development.t8112`, 'x');
  await noteInstalledKdk(mac, '23F79');
  mac.tool('/usr/sbin/installer', `ls '${mac.path(FOLDER)}' > "$0.saw" 2>&1; kill -9 $$`);
  await expect(act()).rejects.toThrow();
  expect(readFileSync(mac.path('/usr/sbin/installer.saw'), 'utf8')).toContain('No such file');
  expect(readFileSync(mac.path('/usr/sbin/pkgutil.forgot'), 'utf8')).toBe('com.apple.pkg.KDK.23F79\n');
});

it('forgets the receipt of a KDK whose folder somebody deleted: an install that is cut is seen to be cut', async () => {
  appleKdk('com.apple.pkg.KDK.23F79');
  mac.tool('/usr/sbin/installer', `cp '${mac.path('/usr/sbin/pkgutil.forgot')}' "$0.saw"; kill -9 $$`);
  await expect(act()).rejects.toMatchObject({ code: 'COMMAND_KILLED' });
  expect(readFileSync(mac.path('/usr/sbin/installer.saw'), 'utf8')).toBe('com.apple.pkg.KDK.23F79\n');
});

it('leaves the KDK of somebody else where it is when its own install over it broke off', async () => {
  appleKdk();
  mac.file(`${FOLDER}/System/theirs`, 'x');
  mac.tool('/usr/sbin/installer', BREAKS_OFF(mac.path(FOLDER)));
  await expect(act()).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(existsSync(mac.path(`${FOLDER}/System/theirs`))).toBe(true);
  expect(await installedKdks(mac)).toEqual([]);
});

it('does not let the installer write through a link in the place of the KDK', async () => {
  appleKdk();
  mac.file('/Users/Shared/kdk/x', 'x');
  mac.tool('/usr/sbin/installer', 'echo ran >> "$0.ran"');
  mac.file('/Library/Developer/KDKs/.keep', '');
  symlinkSync('../../../Users/Shared/kdk', mac.path(FOLDER));
  await expect(act()).rejects.toMatchObject({ code: 'KDK_HUSK', message: expect.stringContaining('a link or a file') });
  expect(existsSync(mac.path('/usr/sbin/installer.ran'))).toBe(false);
});
