/**
 * Kernel variants: the last field of `uname -v`, which names the development kernel to take out of a KDK. The file name
 * follows from the variant, never from the chip id (an M1 Max has chip 0x6001 and runs T6000). Variants that are not in
 * the table are not guessed.
 */

/** How we know a row: `seen` = in published output of such a Mac; `kdk_name` = a KDK holds such a file; `uname_only` = no KDK seen yet. */
export type VariantEvidence = 'seen' | 'kdk_name' | 'uname_only';

export interface VariantRow {
  readonly variant: string;
  readonly marketingName: string;
  /** As bputil prints them (CHIP). For display only. */
  readonly chipIds: readonly string[];
  /** First macOS whose KDKs hold this kernel; null = not confirmed. */
  readonly kdkSince: string | null;
  readonly evidence: VariantEvidence;
}

export const VARIANTS: readonly VariantRow[] = [
  row('T8103', 'M1', ['0x8103'], '13.0', 'seen'),
  row('T6000', 'M1 Pro, M1 Max, M1 Ultra', ['0x6000', '0x6001', '0x6002'], '13.0', 'seen'),
  row('T8112', 'M2', ['0x8112'], '13.0', 'seen'),
  row('T6020', 'M2 Pro, M2 Max, M2 Ultra', ['0x6020', '0x6021', '0x6022'], '13.2', 'seen'),
  row('T8122', 'M3', ['0x8122'], '14.2 (14.1 in a fork)', 'seen'),
  row('T6030', 'M3 Pro', ['0x6030'], '14.2 (14.1 in a fork)', 'kdk_name'),
  row('T6031', 'M3 Max (M3 Ultra likely)', ['0x6031', '0x6032'], '14.2 (14.1 in a fork)', 'seen'),
  row('T8132', 'M4', ['0x8132'], '15', 'seen'),
  row('T6041', 'M4 Pro, M4 Max', ['0x6040', '0x6041'], '26', 'seen'),
  row('T8142', 'M5', ['0x8142'], '26.2', 'seen'),
  row('T6050', 'M5 Pro, M5 Max', ['0x6050'], null, 'uname_only'),
  row('T8140', 'MacBook Neo (A18 Pro)', ['0x8140'], null, 'uname_only'),
];

/** Variant of every guest: never a host. */
export const GUEST_VARIANT = 'VMAPPLE';
/** What `uname` says on an Intel Mac. */
export const INTEL_VARIANT = 'X86_64';

/** The row of a variant, in whatever case it is written; null when the table does not know it. */
export function findVariant(variant: string): VariantRow | null {
  return VARIANTS.find((known) => known.variant === variant.toUpperCase()) ?? null;
}

/** File name of the development kernel in a KDK: `kernel.development.t6020`. Without a suffix it would be the Intel kernel. */
export function developmentKernelFileName(variant: string): string {
  return `kernel.development.${variant.toLowerCase()}`;
}

function row(
  variant: string,
  marketingName: string,
  chipIds: readonly string[],
  kdkSince: string | null,
  evidence: VariantEvidence,
): VariantRow {
  return { variant, marketingName, chipIds, kdkSince, evidence };
}
