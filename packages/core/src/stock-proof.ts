/**
 * Proof of stock: what must be read on a Mac before it counts as taken back. A value that could not be read is a gap, never proof.
 * The agent asks the same before it removes anything.
 */
import { quotaInBootArgs } from './boot-args.ts';
import type { Facts } from './facts.ts';

export interface StockGap {
  readonly path: string;
  readonly expected: string;
  /** null = it could not be read. */
  readonly seen: string | null;
}

/** What keeps this Mac from being proven stock; empty = proven. Reduced Security counts: SIP is on and the stock kernel runs. */
export function stockGaps({ kernel, bootPolicy, sip, bootArgs }: Facts): readonly StockGap[] {
  const filtering = bootPolicy.bootArgsFiltering;
  return [
    gap('kernel.config', kernel.config, 'release', kernel.config === 'release'),
    gap('bootPolicy.customKernel', bootPolicy.customKernel, 'absent', bootPolicy.customKernel === 'absent'),
    gap('sip.status', sip.status, 'enabled', sip.status === 'enabled'),
    gap('bootPolicy.securityMode', bootPolicy.securityMode, 'full or reduced', isSecure(bootPolicy.securityMode)),
    gap('bootPolicy.bootArgsFiltering', filtering === null ? null : String(filtering), 'true', filtering === true),
    gap('bootArgs.inForce', bootArgs.inForce, 'no quota', quotaInBootArgs(bootArgs.inForce ?? '') === null),
  ].flatMap((found) => found ?? []);
}

function gap(path: string, seen: string | null, expected: string, holds: boolean): StockGap | null {
  return seen !== null && holds ? null : { path, expected, seen };
}

function isSecure(mode: string | null): boolean {
  return mode === 'full' || mode === 'reduced';
}
