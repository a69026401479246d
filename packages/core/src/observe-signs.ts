/**
 * Signs: what each group of facts says, one word each. Every sign has a word for "could not be read", so that what we do not
 * know is never taken for one of the answers.
 */
import { hypervisorInBootArgs, quotaInBootArgs } from './boot-args.ts';
import type { BootArgsFacts, BootPolicyFacts, Facts, SipFacts } from './facts.ts';
import { GUEST_VARIANT, INTEL_VARIANT } from './variants.ts';

export type UnsupportedReason = 'intel' | 'guest' | 'os_too_old';
type YesNo = 'yes' | 'no' | 'unknown';

export interface Signs {
  /** Can this Mac be raised at all? `unknown` when an essential fact about it is null. */
  readonly supported: YesNo;
  readonly unsupportedReason: UnsupportedReason | null;
  readonly kernel: 'release' | 'development' | 'other' | 'unknown';
  /** Can it be read which kernel collection runs? */
  readonly provable: 'yes' | 'no';
  /** Does the boot policy name a custom kernel? */
  readonly customKernel: YesNo;
  /** Is the boot policy or SIP lowered? */
  readonly lowered: YesNo;
  /** Quota and hypervisor given to the running kernel. */
  readonly quotaInForce: YesNo;
  /** Quota and hypervisor stored for the next boot. */
  readonly quotaStored: YesNo;
  readonly filtering: YesNo;
}

/** First macOS whose KDKs hold a kernel for Apple silicon. */
const MACOS_MAJOR_MIN = 13;

/** Facts about the Mac without which nothing can be decided. */
export const ESSENTIAL_PATHS = [
  'hardware.appleSilicon',
  'hardware.virtualMachine',
  'os.version',
  'os.baseBuild',
  'kernel.variant',
] as const;

export function readSigns(facts: Facts): Signs {
  const unsupportedReason = readUnsupported(facts);
  return {
    supported: unsupportedReason !== null ? 'no' : isMacKnown(facts) ? 'yes' : 'unknown',
    unsupportedReason,
    kernel: readKernel(facts),
    provable: facts.kernel.filesetUuid === null ? 'no' : 'yes',
    customKernel: readCustomKernel(facts.bootPolicy),
    lowered: readLowered(facts.bootPolicy, facts.sip),
    quotaInForce: readQuota(facts.bootArgs.inForce),
    quotaStored: readStored(facts.bootArgs),
    filtering: yesNo(facts.bootPolicy.bootArgsFiltering),
  };
}

/** One sign is enough to refuse. An Apple silicon Mac may say X86_64 under Rosetta, so that alone counts only when nothing else is known. */
function readUnsupported({ hardware, kernel, os }: Facts): UnsupportedReason | null {
  const variant = kernel.variant?.toUpperCase() ?? null;
  if (hardware.virtualMachine === true || variant === GUEST_VARIANT || hardware.model?.startsWith('VirtualMac'))
    return 'guest';
  if (hardware.appleSilicon === false || (hardware.appleSilicon === null && variant === INTEL_VARIANT)) return 'intel';
  const major = macosMajor(os.version);
  return major !== null && major < MACOS_MAJOR_MIN ? 'os_too_old' : null;
}

function isMacKnown({ hardware, kernel, os }: Facts): boolean {
  const known = [hardware.appleSilicon, hardware.virtualMachine, macosMajor(os.version), os.baseBuild, kernel.variant];
  return known.every((value) => value !== null);
}

/** 14 of `14.5`; null when it is unknown or not a version. */
export function macosMajor(version: string | null): number | null {
  const digits = /^([0-9]{1,4})(\.|$)/.exec(version ?? '')?.[1];
  return digits === undefined ? null : Number(digits);
}

function readKernel({ kernel }: Facts): Signs['kernel'] {
  if (kernel.config === null) return 'unknown';
  return kernel.config === 'release' || kernel.config === 'development' ? kernel.config : 'other';
}

/** A value that is neither a hash nor "absent" proves nothing. */
function readCustomKernel({ customKernel }: BootPolicyFacts): YesNo {
  if (customKernel === 'absent') return 'no';
  return customKernel !== null && /^[0-9A-F]{96}$/.test(customKernel) ? 'yes' : 'unknown';
}

function readLowered({ securityMode, bootArgsFiltering, sip0 }: BootPolicyFacts, { status }: SipFacts): YesNo {
  const lowered =
    securityMode === 'permissive' ||
    bootArgsFiltering === false ||
    (sip0 !== null && sip0 !== 'absent') ||
    status === 'disabled' ||
    status === 'custom';
  if (lowered) return 'yes';
  return securityMode === null || bootArgsFiltering === null ? 'unknown' : 'no';
}

function readStored({ stored, storedPresent }: BootArgsFacts): YesNo {
  if (storedPresent === false) return 'no';
  // In a form that may mean it, it is not what we store, and is stored anew.
  return stored !== null && hypervisorInBootArgs(stored) === null ? 'no' : readQuota(stored);
}

function readQuota(line: string | null): YesNo {
  if (line === null) return 'unknown';
  const quota = quotaInBootArgs(line);
  if (quota === null || Number.isNaN(quota)) return 'no';
  return yesNo(hypervisorInBootArgs(line));
}

function yesNo(value: boolean | null): YesNo {
  if (value === null) return 'unknown';
  return value ? 'yes' : 'no';
}
