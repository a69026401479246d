/**
 * Simulated KDK images. Content as in real ones: a package with the kernels, extensions and version file of one build. The
 * bytes follow from the options alone, so a build's sha256 is the same everywhere.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { kernelVersionText, systemFor } from '../catalogue/systems.ts';
import { writeFileAtomic } from '../files.ts';
import { buildKernelFile, uuidOf } from '../kernel/index.ts';
import { dict, plist } from '../render/plist.ts';
import { BUNDLES } from './bundles.ts';
import { type ContainerFile, packContainer } from './container.ts';
import { bundleFiles } from './extensions.ts';

export const SIGNATURES = ['apple', 'expired', 'developer-id', 'none'] as const;
export type Signature = (typeof SIGNATURES)[number];

export interface KdkOptions {
  /** macOS version, e.g. 14.5. */
  readonly os: string;
  readonly build: string;
  /** Upper case; default: the chips whose kernels a KDK of this version is known to hold. */
  readonly variants?: readonly string[];
  /** false = its kernels lack the quota argument. Default true. */
  readonly quotaSupport?: boolean;
  /** Default `apple`. */
  readonly signature?: Signature;
  /** Default: the id of the KDK of this build. */
  readonly packageId?: string;
}

export interface PackageMeta {
  readonly packageId: string;
  readonly title: string;
  readonly version: string;
  readonly signature: Signature;
  /** The folder its files go to, below the target. */
  readonly location: string;
}

export interface ImageMeta {
  readonly volumeName: string;
}

export interface KdkImage {
  readonly fileName: string;
  readonly bytes: Buffer;
  readonly sha256: string;
}

export function buildKdkImage(options: KdkOptions): KdkImage {
  const { os, build, signature = 'apple', packageId = `com.apple.pkg.KDK.${build}` } = options;
  const name = `KDK_${os}_${build}.kdk`;
  const meta: PackageMeta = {
    packageId,
    title: 'Kernel Debug Kit',
    version: '1.0.0.0',
    signature,
    location: `Library/Developer/KDKs/${name}`,
  };
  const imageMeta: ImageMeta = { volumeName: 'Kernel Debug Kit' };
  const bytes = packContainer('disk image', {
    meta: imageMeta,
    files: [
      { path: 'KernelDebugKit.pkg', data: packContainer('package', { meta, files: kdkFiles(options) }) },
      { path: 'uninstall.tool', data: Buffer.from(uninstallScript(meta)), executable: true },
    ],
  });
  return {
    fileName: `Kernel_Debug_Kit_${os}_build_${build}.dmg`,
    bytes,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
}

export function writeKdkImage(
  folder: string,
  options: KdkOptions,
): { path: string; sha256: string; sizeBytes: number } {
  const { fileName, bytes, sha256 } = buildKdkImage(options);
  const path = join(folder, fileName);
  writeFileAtomic(path, bytes);
  return { path, sha256, sizeBytes: bytes.length };
}

/** Chips by the macOS version from which KDKs hold their kernels. */
const VARIANTS_SINCE: readonly (readonly [since: number, variants: readonly string[]])[] = [
  [13.0, ['T6000', 'T8103', 'T8112', 'VMAPPLE']],
  [13.02, ['T6020']],
  [14.02, ['T6030', 'T6031', 'T8122']],
  [26.0, ['T6041', 'T8132']],
  [26.02, ['T8142']],
];

export function defaultVariants(os: string): string[] {
  const [major = 0, minor = 0] = os.split('.').map(Number);
  return VARIANTS_SINCE.flatMap(([since, variants]) => (major + minor / 100 >= since ? variants : [])).sort();
}

/** Paths below the KDK's folder. Kernels come last, so that an install that is cut leaves a husk. */
function kdkFiles(options: KdkOptions): ContainerFile[] {
  const { os, build, variants = defaultVariants(os), quotaSupport = true } = options;
  const system = systemFor(os, build);
  const kernel = (variant: string, config: 'release' | 'development', name: string): ContainerFile => ({
    path: `System/Library/Kernels/${name}`,
    data: buildKernelFile({
      versionText: kernelVersionText(system, variant, config),
      osVersion: os,
      build,
      hasQuotaSupport: quotaSupport,
    }),
    executable: true,
  });
  return [
    { path: 'System/Library/CoreServices/SystemVersion.plist', data: Buffer.from(systemVersion(os, build)) },
    ...BUNDLES.filter(({ home }) => home === 'kdk')
      .flatMap((row) => bundleFiles(row, { version: os, build }))
      .map((file) => ({ ...file, path: `System/Library/Extensions/${file.path}` })),
    kernel('X86_64', 'release', 'kernel'),
    kernel('X86_64', 'development', 'kernel.development'),
    ...variants.flatMap((variant) =>
      (['release', 'development'] as const).map((config) =>
        kernel(variant, config, `kernel.${config}.${variant.toLowerCase()}`),
      ),
    ),
  ];
}

function systemVersion(os: string, build: string): string {
  return plist(
    dict({
      BuildID: uuidOf('KDK', build),
      ProductBuildVersion: build,
      ProductCopyright: '1983-2026 Apple Inc.',
      ProductName: 'macOS',
      ProductUserVisibleVersion: os,
      ProductVersion: os,
      iOSSupportVersion: `${Number.parseInt(os, 10) + 3}.0`,
    }),
  );
}

/** Finds the simulated Mac by its marker, so that it can never touch a real one. */
function uninstallScript({ location, packageId }: PackageMeta): string {
  return `#!/bin/sh
# Removes ${location.split('/').at(-1)} from the simulated Mac that this volume is mounted on.
root=$(cd "$(dirname "$0")" && pwd -P) || exit 1
while [ ! -f "$root/.mac-sim/marker.json" ]; do
  root=\${root%/*}
  if [ -z "$root" ]; then
    echo "uninstall.tool: not on a simulated Mac" >&2
    exit 1
  fi
done
rm -rf "$root/${location}" "$root/var/db/receipts/${packageId}.plist" "$root/var/db/receipts/${packageId}.files"
`;
}
