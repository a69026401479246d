/** What `pkgutil --check-signature` says, per kind of signature. */
import { captured, documented } from './forms.ts';

const APPLE_CHAIN = `   Certificate Chain:
    1. Software Update
       SHA1 fingerprint: 1E 34 E3 91 C6 44 37 DD 24 BE 57 B1 66 7B 2F DA 09 76 E1 FD
       -----------------------------------------------------------------------------
    2. Apple Software Update Certification Authority
       SHA1 fingerprint: FA 02 79 0F CE 9D 93 00 89 C8 C2 51 0B BC 50 B4 85 8E 6F BF
       -----------------------------------------------------------------------------
    3. Apple Root CA
       SHA1 fingerprint: 61 1E 5B 66 2C 59 3A 08 FF 58 D1 4A E2 24 52 D1 98 DF 6C 60
`;

/** Ends at the same Apple root as Apple's own chain; the blanks at line ends are real. */
const DEVELOPER_ID_CHAIN = `   Notarization: trusted by the Apple notary service
   Signed with a trusted timestamp on: 2024-02-16 21:42:52 +0000
   Certificate Chain:
    1. Developer ID Installer: Example Inc. (AB12CD34EF)
       Expires: 2026-07-26 18:34:38 +0000
       SHA256 Fingerprint:
           6B 1E 5C 9C 8A 41 7D 0F 33 2E 90 15 C2 7A D8 64 0B 9F 51 E3 77 28${' '}
           4C BA 06 F1 9D 83 62 5A
       ------------------------------------------------------------------------
    2. Developer ID Certification Authority
       Expires: 2027-02-01 22:12:15 +0000
       SHA256 Fingerprint:
           7A FC 9D 01 A6 2F 03 A2 DE 96 37 93 6D 4A FE 68 09 0D 2D E1 8D 03${' '}
           F2 9C 88 CF B0 B1 BA 63 58 7F
       ------------------------------------------------------------------------
    3. Apple Root CA
       Expires: 2035-02-09 21:40:36 +0000
       SHA256 Fingerprint:
           B0 B1 73 0E CB C7 FF 45 05 14 2C 49 F1 29 5E 6E DA 6B CA ED 7E 2C${' '}
           68 C5 BE 91 B5 A1 10 01 F0 24
`;

const head = (file: string, status: string): string => `Package "${file}":\n   Status: ${status}\n`;

export const SIGNATURE_FORMS = {
  apple: captured(
    'pkgutil/check-signature-apple.txt',
    (file: string) => `${head(file, 'signed Apple Software')}${APPLE_CHAIN}`,
  ),
  expired: documented(
    'status words known, chain as in pkgutil/check-signature-apple.txt',
    (file: string) => `${head(file, 'signed by a certificate that has since expired')}${APPLE_CHAIN}`,
  ),
  'developer-id': captured(
    'pkgutil/check-signature-developer-id.txt',
    (file: string) =>
      `${head(file, 'signed by a developer certificate issued by Apple for distribution')}${DEVELOPER_ID_CHAIN}`,
  ),
  none: captured('pkgutil/check-signature-none.txt', (file: string) => head(file, 'no signature')),
};
