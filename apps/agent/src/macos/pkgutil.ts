/**
 * pkgutil: who signed a package, and which packages are installed. Seen: macOS 10.12 to 26; fingerprints as one SHA-1
 * line or as a SHA-256 block. The exit status alone proves nothing, and neither does the chain's end: a Developer ID
 * ends at the same Apple root, so the issuer counts.
 */
import { known, type Reading, unknown } from './reading.ts';
import { linesOf, quote } from './text.ts';
import type { Output } from './tool.ts';

export const PKGUTIL = '/usr/sbin/pkgutil';
export const pkgutilCheckSignatureArgs = (pkg: string): readonly string[] => ['--check-signature', pkg];
export const pkgutilPackagesArgs = (): readonly string[] => ['--pkgs'];
export const pkgutilForgetArgs = (id: string): readonly string[] => ['--forget', id];
export const pkgutilExpandArgs = (pkg: string, folder: string): readonly string[] => ['--expand', pkg, folder];

export const pkgutilPayloadFilesArgs = (pkg: string): readonly string[] => ['--payload-files', pkg];

interface Certificate {
  readonly name: string;
  /** Upper-case hex without blanks: 40 digits are SHA-1, 64 are SHA-256. */
  readonly fingerprint: string | null;
}

export interface PackageSignature {
  /** As printed after `Status:`. */
  readonly status: string;
  /** Leaf first. */
  readonly chain: readonly Certificate[];
}

/** Apple Root CA, SHA-1 and SHA-256. */
const APPLE_ROOT_FINGERPRINTS: readonly string[] = [
  '611E5B662C593A08FF58D14AE22452D198DF6C60',
  'B0B1730ECBC7FF4505142C49F1295E6EDA6BCAED7E2C68C5BE91B5A11001F024',
];
const APPLE_ISSUER = 'Apple Software Update Certification Authority';
/** KDKs of older systems are signed by a leaf that has expired since. */
const APPLE_STATUSES: readonly string[] = ['signed Apple Software', 'signed by a certificate that has since expired'];

export type SignatureVerdict =
  | { readonly appleSigned: true }
  | { readonly appleSigned: false; readonly reason: string };

export function parseCheckSignature({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<PackageSignature> {
  const lines = linesOf(stdout);
  const status = lines.map((line) => /^\s*Status:\s*(\S.*?)\s*$/.exec(line)?.[1]).find((text) => text !== undefined);
  if (status === undefined) return unknown(`pkgutil printed no status: ${quote(stderr, stdout)}`);
  return known({ status, chain: chainOf(lines) });
}

/** Is this Apple's own software, as a KDK must be? */
export function appleSigned({ status, chain }: PackageSignature): SignatureVerdict {
  const refuse = (reason: string): SignatureVerdict => ({ appleSigned: false, reason });
  const [leaf, issuer, root, ...more] = chain;
  if (!APPLE_STATUSES.includes(status)) return refuse(`status "${APPLE_STATUSES[0]}" expected, "${status}" seen`);
  if (leaf === undefined || issuer === undefined || root === undefined || more.length > 0)
    return refuse(`a chain of three certificates expected, ${chain.length} seen`);
  if (leaf.name.startsWith('Developer ID')) return refuse(`Apple's own certificate expected, "${leaf.name}" seen`);
  if (issuer.name !== APPLE_ISSUER) return refuse(`issuer "${APPLE_ISSUER}" expected, "${issuer.name}" seen`);
  if (root.name !== 'Apple Root CA' || !APPLE_ROOT_FINGERPRINTS.includes(root.fingerprint ?? ''))
    return refuse(
      `the pinned Apple Root CA expected, "${root.name}" ${root.fingerprint ?? 'without fingerprint'} seen`,
    );
  return { appleSigned: true };
}

/** Ids of installed packages, from `pkgutil --pkgs`. */
export function parsePackages({ stdout }: Pick<Output, 'stdout'>): readonly string[] {
  return linesOf(stdout).flatMap(
    (line) => /^\s*([A-Za-z0-9][A-Za-z0-9_.-]*\.[A-Za-z0-9_.-]+)\s*$/.exec(line)?.[1] ?? [],
  );
}

/** Names of the development kernels for Apple silicon in a package, from `pkgutil --payload-files`; symbols beside them do not count. */
export function parsePayloadKernels({ stdout }: Pick<Output, 'stdout'>): readonly string[] {
  const names = linesOf(stdout).map(
    (line) => /\/System\/Library\/Kernels\/(kernel\.development\.[a-z0-9]+)\s*$/.exec(line)?.[1],
  );
  return [...new Set(names.filter((name) => name !== undefined))];
}

/** The id in a `PackageInfo`, as `pkgutil --expand` lays it out beside a component's payload. */
export function parsePackageInfo(text: string): Reading<string> {
  const tag = /<pkg-info\s([^<>]{0,4000}?)\/?>/.exec(text)?.[1];
  if (tag === undefined) return unknown('PackageInfo holds no pkg-info');
  const ids = [...tag.matchAll(/(?:^|\s)identifier\s*=\s*(?:"([^"]*)"|'([^']*)')/g)].map(([, a, b]) => a ?? b ?? '');
  const [id, ...more] = ids;
  if (id === undefined || more.length > 0 || !/^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}$/.test(id))
    return unknown('the pkg-info of PackageInfo names no identifier, or several');
  return known(id);
}

/**
 * What a Distribution has installed from elsewhere: the text of a pkg-ref names a package, and one of this archive begins with `#`.
 * Unknown where a reference cannot be read, as it might be such a one.
 */
export function parseOutsidePackages(text: string): Reading<readonly string[]> {
  const starts = text.match(/<pkg-ref\b/g)?.length ?? 0;
  const refs = [
    ...text.matchAll(/<pkg-ref\b(?:[^<>"']|"[^"]{0,4000}"|'[^']{0,4000}'){0,2000}>(?!\s{0,200}<!)([^<]{0,4000})/g),
  ];
  if (starts !== refs.length) return unknown('a pkg-ref of the Distribution cannot be read');
  const named = refs.map(([, name = '']) => name.trim()).filter((name) => name !== '');
  return known(named.filter((name) => !/^#[^/:][^:]*$/.test(name) || name.includes('..')));
}

/** Package id of the KDK of a build. */
export const kdkPackageId = (build: string): string => `com.apple.pkg.KDK.${build}`;
/** A component that newer KDKs bring along. */
export const kdkSdkPackageId = (build: string): string => `com.apple.pkg.KDK_SDK.${build}`;

function chainOf(lines: readonly string[]): readonly Certificate[] {
  const chain: { name: string; hex: string }[] = [];
  let inFingerprint = false;
  for (const line of lines) {
    const name = /^\s*[0-9]{1,2}\. (\S.*?)\s*$/.exec(line)?.[1];
    const label = /^\s*SHA-?(?:1|256) fingerprint:\s*((?:[0-9A-Fa-f]{2}\s*)*)$/i.exec(line);
    const hex: string | undefined =
      label?.[1] ?? (inFingerprint ? /^\s*((?:[0-9A-Fa-f]{2}\s*)+)$/.exec(line)?.[1] : undefined);
    inFingerprint = hex !== undefined;
    if (name !== undefined) chain.push({ name, hex: '' });
    const certificate = chain.at(-1);
    if (hex !== undefined && certificate !== undefined) certificate.hex += hex.replace(/\s+/g, '').toUpperCase();
  }
  return chain.map(({ name, hex }) => ({ name, fingerprint: /^([0-9A-F]{40}|[0-9A-F]{64})$/.test(hex) ? hex : null }));
}
