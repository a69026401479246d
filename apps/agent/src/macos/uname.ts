/**
 * uname: which kernel runs and for which chip. Seen: macOS 11 to 27, release, development and kasan kernels.
 * Only the text after the last `/` is trusted: the machine word says x86_64 on an ARM Mac under Rosetta.
 */
import type { KernelConfig } from '@headroom/core';
import { known, type Reading, unknown } from './reading.ts';
import { linesOf, quote } from './text.ts';
import { type Output, readTool, type ToolContext } from './tool.ts';

const UNAME = '/usr/bin/uname';
const unameArgs = (): readonly string[] => ['-v'];

export interface KernelVersion {
  readonly config: KernelConfig;
  /** Upper case: T6020, VMAPPLE; X86_64 for an Intel kernel. */
  readonly variant: string;
  readonly appleSilicon: boolean;
  readonly darwin: string;
  /** xnu train, e.g. 10063.121.3~5; null when a patched kernel names none. */
  readonly xnu: string | null;
  /** From "Darwin Kernel Version" to the variant, without what `uname -a` adds. */
  readonly versionText: string;
}

const VERSION = /Darwin Kernel Version ([0-9]+(?:\.[0-9]+)*):[^/]*;[^/]*(?:\/[^\s/]+)*\/([A-Za-z0-9_.-]+)/;

export function readUname(context: ToolContext): Promise<Reading<KernelVersion>> {
  return readTool(context, { path: UNAME, args: unameArgs() }, parseUname);
}

export function parseUname({ stdout }: Pick<Output, 'stdout'>): Reading<KernelVersion> {
  for (const line of linesOf(stdout)) {
    const version = parseKernelVersion(line);
    if (version !== null) return known(version);
  }
  return unknown(`uname printed no kernel version: ${quote(stdout)}`);
}

/** Also reads the version string inside a kernel file. */
export function parseKernelVersion(text: string): KernelVersion | null {
  const match = VERSION.exec(text);
  if (match === null) return null;
  const [versionText, darwin = '', token = ''] = match;
  const build = parseBuildToken(token);
  if (build === null) return null;
  return { ...build, darwin, xnu: /xnu[A-Za-z_]*-([0-9][^/\s]*)\//.exec(versionText)?.[1] ?? null, versionText };
}

/** `RELEASE_ARM64_T6020`. A patched kernel may carry any word in place of RELEASE: that is config `other`. */
function parseBuildToken(token: string): Pick<KernelVersion, 'config' | 'variant' | 'appleSilicon'> | null {
  const arm = /^(.+)_ARM64E?_([A-Za-z0-9]+)$/.exec(token);
  if (arm !== null) return { config: configOf(arm[1]), variant: (arm[2] ?? '').toUpperCase(), appleSilicon: true };
  const intel = /^(.+)_(X86_64H?)$/.exec(token);
  if (intel !== null) return { config: configOf(intel[1]), variant: 'X86_64', appleSilicon: false };
  return null;
}

const CONFIGS: Readonly<Record<string, KernelConfig>> = {
  RELEASE: 'release',
  DEVELOPMENT: 'development',
  KASAN: 'kasan',
};

export function configOf(word: string | undefined): KernelConfig {
  const key = (word ?? '').trim().toUpperCase();
  return Object.hasOwn(CONFIGS, key) ? (CONFIGS[key] ?? 'other') : 'other';
}
