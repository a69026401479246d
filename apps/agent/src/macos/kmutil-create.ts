/**
 * kmutil create: builds the kernel collection. Seen: macOS 11 to 26; minutes of work, about 115 MB of output.
 * Error numbers of KMErrorDomain differ between releases, so failures are told apart by their text. Never
 * `--allow-missing-kdk`: a collection linked without the KDK of exactly this build is worth nothing.
 */
import type { ErrorCode } from '@headroom/core';
import { commandError, type RunResult } from './runner.ts';

export const KMUTIL_CREATE_TIMEOUT_MS = 30 * 60_000;

export interface KmutilCreate {
  /** Where the collection goes, e.g. /var/db/headroom/kc/KernelCollection.kc. */
  readonly bootPath: string;
  /** Folder of the KDK, e.g. /Library/Developer/KDKs/KDK_14.5_23F79.kdk. */
  readonly kdk: string;
  readonly variant: string;
  readonly bundles: readonly string[];
}

export function kmutilCreateArgs({ bootPath, kdk, variant, bundles }: KmutilCreate): readonly string[] {
  const repositories = [
    `${kdk}/System/Library/Extensions`,
    '/System/Library/Extensions',
    '/System/Library/DriverExtensions',
  ];
  return [
    'create',
    ...['--arch', 'arm64e', '--no-authorization', '--variant-suffix', 'development', '--new', 'boot'],
    ...['--boot-path', bootPath],
    ...['--kernel', kdkKernelPath(kdk, variant)],
    ...repositories.flatMap((repository) => ['--repository', repository]),
    '--explicit-only',
    ...bundles.flatMap((id) => ['-b', id]),
  ];
}

/** The development kernel of a variant in a KDK. */
export function kdkKernelPath(kdk: string, variant: string): string {
  return `${kdk}/System/Library/Kernels/kernel.development.${variant.toLowerCase()}`;
}

/** Names under which the collection may lie: kmutil may append the variant suffix. */
export function kmutilOutputNames(bootPath: string): readonly string[] {
  return [bootPath, `${bootPath}.development`];
}

export type KmutilCreateFailure = Extract<ErrorCode, `KC_${string}`>;

/** First match wins: a text that names a cause comes before the general words around it. */
const FAILURES: readonly (readonly [RegExp, KmutilCreateFailure])[] = [
  [/No space left on device|Not enough (disk )?space|ENOSPC/i, 'KC_DISK_FULL'],
  [/Read-only file system|EROFS/i, 'KC_READ_ONLY'],
  [/Missing (Developer )?(KDK|Kit|Developer Kit)|install a KDK matching/i, 'KC_MISSING_KDK'],
  [/names a dependency on '[^']*', which was not found|Unable to resolve dependencies/i, 'KC_DEPENDENCY'],
  [/could not find a kext which exports this symbol|error which prevented linking|Failed to bind/i, 'KC_LINKING'],
  [
    /Invalid argument: kernel path|kernel mach-o not found|(kernel|mach-o).*(not found|no such file)/i,
    'KC_WRONG_VARIANT',
  ],
];

/** The catalogue code of a failed create; null when kmutil exited 0 and printed no error. */
export function kmutilCreateFailure(result: RunResult): KmutilCreateFailure | null {
  if (result.timedOut) return 'KC_TIMED_OUT';
  if (result.signal !== null && !result.outputCut) return 'KC_KILLED';
  const text = `${result.stderr}\n${result.stdout}`;
  if (commandError(result) === null && !/Error Domain=/.test(text)) return null;
  return FAILURES.find(([pattern]) => pattern.test(text))?.[1] ?? 'KC_CREATE_FAILED';
}
