/**
 * Sysroot: the folder that stands for `/` of the Mac. `/` is the real Mac; any other folder must carry the marker that
 * mac-sim writes, so that a mistyped path can never make the agent work on half a Mac.
 * Guarantee: a path resolved here stays inside the sysroot as text; `..` and relative paths are refused.
 */
import { readFileSync } from 'node:fs';
import { isAbsolute, join, resolve as resolvePath } from 'node:path';

const REAL_MAC = '/';
const MARKER = '.mac-sim/marker.json';
const MARKER_KEY = 'headroom-mac-sim';
const MARKER_BYTES_MAX = 4096;

export class SysrootError extends Error {
  override readonly name = 'SysrootError';
}

/** Where a path of the Mac lies on this machine: `resolve('/tmp/sim', '/usr/sbin/nvram')`. */
export function resolve(sysroot: string, path: string): string {
  if (!isAbsolute(path)) throw new SysrootError(`A path on the Mac must be absolute; seen: ${shown(path)}.`);
  if (path.includes('\0') || path.split('/').includes('..'))
    throw new SysrootError(`A path on the Mac must not hold ".." or a NUL; seen: ${shown(path)}.`);
  return join(sysroot, path);
}

/** Checks a sysroot once, at the start, and gives it back as an absolute path. */
export function checkSysroot(dir: string): string {
  const sysroot = resolvePath(dir);
  if (sysroot === REAL_MAC || isSimulated(sysroot)) return sysroot;
  throw new SysrootError(
    `${sysroot} is not a simulated Mac: expected ${join(sysroot, MARKER)} with "${MARKER_KEY}": 1. ` +
      'Make one with `mac-sim create DIR`, or leave --sysroot out on a real Mac.',
  );
}

/** true when the folder carries mac-sim's marker. The real Mac never counts as simulated, whatever lies in its root. */
export function isSimulated(sysroot: string): boolean {
  if (resolvePath(sysroot) === REAL_MAC) return false;
  try {
    const text = readFileSync(join(sysroot, MARKER), 'utf8');
    if (text.length > MARKER_BYTES_MAX) return false;
    const marker: unknown = JSON.parse(text);
    return typeof marker === 'object' && marker !== null && (marker as Record<string, unknown>)[MARKER_KEY] === 1;
  } catch {
    return false;
  }
}

function shown(path: string): string {
  return JSON.stringify(path.slice(0, 120));
}
