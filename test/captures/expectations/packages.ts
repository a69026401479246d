/** pkgutil, installer, hdiutil: what the install of a KDK reads. */
import { parseAttach, parseDetach } from '../../../apps/agent/src/macos/hdiutil.ts';
import { parseInstaller } from '../../../apps/agent/src/macos/installer.ts';
import {
  appleSigned,
  kdkPackageId,
  parseCheckSignature,
  parsePackages,
} from '../../../apps/agent/src/macos/pkgutil.ts';
import type { Expectation, Expectations } from '../capture.ts';
import { nobodys, unknownBecause, value } from '../expect.ts';

const ROOT_SHA1 = '611E5B662C593A08FF58D14AE22452D198DF6C60';
const ROOT_SHA256 = 'B0B1730ECBC7FF4505142C49F1295E6EDA6BCAED7E2C68C5BE91B5A11001F024';

/** [issuer, fingerprint of the root, verdict] */
const signature = (issuer: string | undefined, root: string | undefined, verdict: string): Expectation => ({
  read: ({ output }) => {
    const found = parseCheckSignature(output);
    if (!found.ok) return found;
    const judged = appleSigned(found.value);
    const [, second, third] = found.value.chain;
    return [second?.name, third?.fingerprint, judged.appleSigned ? 'apple' : judged.reason];
  },
  says: [issuer, root, verdict],
});

const PKGUTIL: Expectations = {
  'pkgutil/check-signature-apple.txt': signature('Apple Software Update Certification Authority', ROOT_SHA1, 'apple'),
  'pkgutil/check-signature-kdk-expected.txt': signature(
    'Apple Software Update Certification Authority',
    ROOT_SHA1,
    'apple',
  ),
  'pkgutil/check-signature-developer-id.txt': signature(
    'Developer ID Certification Authority',
    ROOT_SHA256,
    'status "signed Apple Software" expected, "signed by a developer certificate issued by Apple for distribution" seen',
  ),
  'pkgutil/check-signature-none.txt': signature(
    undefined,
    undefined,
    'status "signed Apple Software" expected, "no signature" seen',
  ),
  'pkgutil/receipt-missing.stderr.txt': nobodys,
  'pkgutil/receipts-kdk.txt': {
    read: ({ output }) => parsePackages(output),
    says: [kdkPackageId('25F71'), 'com.apple.pkg.KDK_SDK.25F71'],
  },
};

const installed = (packageName: string, how: 'install' | 'upgrade'): Expectation => ({
  read: ({ output }) => [parseInstaller(output), parseInstaller({ ...output, exitCode: 1 }).ok],
  says: [value({ packageName, how }), false],
});

const INSTALLER: Expectations = {
  'installer/kdk-success.txt': installed('Kernel Debug Kit', 'install'),
  'installer/success.txt': installed('Python', 'install'),
  'installer/upgrade.txt': installed('Python', 'upgrade'),
};

const attach = (says: unknown): Expectation => ({ read: ({ output }) => parseAttach(output), says });

const HDIUTIL: Expectations = {
  'hdiutil/attach-failed.stderr.txt': attach(unknownBecause('no mountable file systems')),
  'hdiutil/attach-hfs.plist': attach(value({ device: '/dev/disk3', mountPoint: '/private/tmp/dmg.BhfS2g' })),
  'hdiutil/attach-kdk.plist': attach(value({ device: '/dev/disk3', mountPoint: '/Volumes/Kernel Debug Kit' })),
  'hdiutil/attach-not-recognized.stderr.txt': attach(unknownBecause('image not recognized')),
  'hdiutil/attach-text-apfs.txt': nobodys,
  'hdiutil/detach.txt': { read: ({ output }) => parseDetach(output), says: value('disk7') },
};

export const PACKAGES: Expectations = { ...PKGUTIL, ...INSTALLER, ...HDIUTIL };
