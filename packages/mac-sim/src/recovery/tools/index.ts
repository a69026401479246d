/** The tools of recoveryOS that the simulator answers for, by name. */
import type { Tool } from '../tool-result.ts';
import { bputil } from './bputil.ts';
import { csrutil } from './csrutil.ts';
import { diskutil } from './diskutil.ts';
import { kmutil } from './kmutil.ts';
import { md5 } from './md5.ts';
import { nvram } from './nvram.ts';
import { reboot, shutdown } from './power.ts';

/** Name -> where recoveryOS has it, and what it does. */
export const TOOLS: Readonly<Record<string, { readonly folder: string; readonly run: Tool }>> = {
  bputil: { folder: 'usr/bin', run: bputil },
  csrutil: { folder: 'usr/bin', run: csrutil },
  diskutil: { folder: 'usr/sbin', run: diskutil },
  kmutil: { folder: 'usr/bin', run: kmutil },
  md5: { folder: 'sbin', run: md5 },
  nvram: { folder: 'usr/sbin', run: nvram },
  reboot: { folder: 'sbin', run: reboot },
  shutdown: { folder: 'sbin', run: shutdown },
};
