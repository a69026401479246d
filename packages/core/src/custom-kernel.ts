/** Whether a Mac starts a custom kernel: what an update would break, and what a Mac that does not come back may hang on. */
import type { Facts } from './facts.ts';

/**
 * Does the next start load a custom kernel? The boot policy decides, whatever runs now. Where it could not be read, a running kernel that
 * is not Apple's release kernel proves that it names one; a release kernel proves nothing, as one may be installed and not started yet.
 * null = it cannot be told.
 */
export function hasCustomKernel({ bootPolicy, kernel }: Pick<Facts, 'bootPolicy' | 'kernel'>): boolean | null {
  if (bootPolicy.customKernel !== null) return bootPolicy.customKernel !== 'absent';
  return kernel.config !== null && kernel.config !== 'release' ? true : null;
}
