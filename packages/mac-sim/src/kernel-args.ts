/**
 * How the simulated kernel reads its boot arguments, and the guest quota that follows. Written apart from the code that Headroom
 * decides with, so that an error there is not repeated here.
 */
import type { Boot } from './state-model.ts';

const STOCK_QUOTA = 2;

/** Value of `key=` as text: the first one wins; null when absent. */
export function kernelArgument(line: string, key: string): string | null {
  for (const word of line.split(/[ \t]+/)) if (word.startsWith(`${key}=`)) return word.slice(key.length + 1);
  return null;
}

/** A number as XNU reads it: 0x hex, leading 0 octal, suffix k, m, g; 32 bits, signed. Null when it is none. */
export function kernelNumber(text: string): number | null {
  const match = /^(-?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)([kKmMgG]?)$/.exec(text);
  if (match === null) return null;
  const [, sign, digits = '', suffix = ''] = match;
  const magnitude = /^0[xX]/.test(digits)
    ? BigInt(digits)
    : digits.length > 1 && digits.startsWith('0')
      ? BigInt(`0o${digits.slice(1)}`)
      : BigInt(digits);
  const scale = { '': 1n, k: 1024n, m: 1024n ** 2n, g: 1024n ** 3n }[suffix.toLowerCase()] ?? 1n;
  return Number(BigInt.asIntN(32, (sign === '-' ? -magnitude : magnitude) * scale));
}

/** macOS guests that may be alive at once under this kernel. */
export function guestQuota(boot: Pick<Boot, 'kernel' | 'bootArgsInForce' | 'honoursQuota'>): number {
  if (boot.kernel !== 'development' || !boot.honoursQuota) return STOCK_QUOTA;
  const hypervisor = kernelNumber(kernelArgument(boot.bootArgsInForce, 'hypervisor') ?? '');
  if (hypervisor === null || hypervisor === 0) return STOCK_QUOTA;
  const wanted = kernelNumber(kernelArgument(boot.bootArgsInForce, 'hv_apple_isa_vm_quota') ?? '');
  return wanted === null ? STOCK_QUOTA : Math.max(0, wanted);
}
