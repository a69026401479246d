/** installer: installs a package for the system; needs root and checks no signature, so pkgutil comes first. Seen: macOS 11 to 26. */
import { known, type Reading, unknown } from './reading.ts';
import { linesOf, quote } from './text.ts';
import type { Output } from './tool.ts';

export const INSTALLER = '/usr/sbin/installer';
/** A KDK writes some GB. */
export const INSTALLER_TIMEOUT_MS = 30 * 60_000;
export const installerArgs = (pkg: string): readonly string[] => ['-pkg', pkg, '-target', '/'];

export interface Installed {
  readonly packageName: string | null;
  readonly how: 'install' | 'upgrade';
}

/** Success needs the installer's own words, not only exit status 0. */
export function parseInstaller({ exitCode, stdout, stderr }: Output): Reading<Installed> {
  const lines = linesOf(`${stdout}\n${stderr}`);
  const done = lines
    .map((line) => /^installer: The (install|upgrade) was successful\.?\s*$/.exec(line)?.[1])
    .find(Boolean);
  if (exitCode !== 0 || done === undefined) {
    const cause = lines.find((line) => /^installer: .*(error|fail|cannot|must be|not )/i.test(line));
    return unknown(`installer, exit status ${exitCode ?? 'none'}: ${cause ?? quote(stderr, stdout)}`);
  }
  const packageName =
    lines.map((line) => /^installer: Package name is (\S.*?)\s*$/.exec(line)?.[1]).find(Boolean) ?? null;
  return known({ packageName, how: done === 'upgrade' ? 'upgrade' : 'install' });
}
