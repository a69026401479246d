/**
 * The kernel files of a simulated KDK. They hold what tools look for in real ones: an identity, a version string, and in
 * the string section the boot arguments this kernel knows.
 */
import { ARM64E_KERNEL, MH_EXECUTE, X86_64 } from './format.ts';
import { filler, uuidOf } from './identity.ts';
import { buildImage, CODE_PROTECTION, S_CODE, S_CSTRING_LITERALS, S_REGULAR } from './image.ts';

/** The boot argument that replaces the guest quota; a kernel without this string cannot be raised. */
export const QUOTA_ARGUMENT = 'hv_apple_isa_vm_quota';
export const VERSION_PREFIX = 'Darwin Kernel Version ';

const MH_NOUNDEFS = 0x1;
const MH_PIE = 0x200000;
const KERNEL_BASE = 0xfffffe0007004000n;
const DEFAULT_CODE_SIZE = 320 * 1024;

export interface KernelFileSpec {
  /** What `uname -v` prints once this kernel runs. */
  readonly versionText: string;
  /** macOS version, e.g. 14.5. */
  readonly osVersion: string;
  readonly build: string;
  /** false = the build dropped the quota argument. Default true. */
  readonly hasQuotaSupport?: boolean;
  /** Bytes of __TEXT_EXEC; stands for the rest of the kernel. Default 320 KiB. */
  readonly codeSizeBytes?: number;
}

export function buildKernelFile(spec: KernelFileSpec): Buffer {
  const { versionText, osVersion, build, hasQuotaSupport = true, codeSizeBytes = DEFAULT_CODE_SIZE } = spec;
  if (!versionText.startsWith(VERSION_PREFIX)) {
    throw new TypeError(`kernel version text must begin with "${VERSION_PREFIX}", seen "${versionText}"`);
  }
  const words = [
    'boot-args',
    'debug',
    'hypervisor',
    'kcsuffix',
    'serial',
    ...(hasQuotaSupport ? [QUOTA_ARGUMENT] : []),
  ];
  return buildImage({
    cpu: versionText.endsWith('X86_64') ? X86_64 : ARM64E_KERNEL,
    fileType: MH_EXECUTE,
    flags: MH_NOUNDEFS | MH_PIE,
    baseAddress: KERNEL_BASE,
    uuid: uuidOf('kernel', build, versionText, String(hasQuotaSupport), String(codeSizeBytes)),
    sourceVersion: /-(\d[\d.]*)/.exec(versionText)?.[1] ?? '0',
    osVersion,
    segments: [
      {
        name: '__TEXT',
        protection: CODE_PROTECTION,
        sections: [
          { name: '__const', flags: S_REGULAR, data: Buffer.from(`${versionText}\0`) },
          { name: '__cstring', flags: S_CSTRING_LITERALS, data: Buffer.from(`${words.join('\0')}\0`) },
        ],
      },
      {
        name: '__TEXT_EXEC',
        protection: CODE_PROTECTION,
        sections: [{ name: '__text', flags: S_CODE, data: filler(`${build} ${versionText}`, codeSizeBytes) }],
      },
    ],
    symbols: ['_version', '_osrelease', '_kernel_pmap'],
  });
}
