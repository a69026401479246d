/** What happens to a simulated Mac outside the visit: faults, and what Headroom or an admin does in macOS. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { mergeBootArgs } from '@headroom/core';
import { type Faults, loadState, restartMac, type SimState, updateState } from '@headroom/mac-sim';
import type { Visitor } from './scenario.ts';

const run = promisify(execFile);

export function change(draft: (state: SimState) => void): (visitor: Visitor) => void {
  return ({ mac }) => void updateState(mac.dir, draft);
}

export function faults(wanted: Faults): (visitor: Visitor) => void {
  return change(({ behaviour }) => {
    behaviour.faults = wanted;
  });
}

/** Whatever was wrong is in order again. */
export const mended = faults({});

/** What Headroom does after a boot without the arguments: stores the merged line in macOS and asks for one restart. */
export async function headroomStoresBootArgs({ mac }: Visitor): Promise<void> {
  const stored = loadState(mac.dir).nvram.stored['boot-args'] ?? null;
  const merged = mergeBootArgs({ stored, quota: 255, extra: [], granted: ['-unsafe_kernel_text'] });
  if (!merged.ok) throw new Error(merged.code);
  await inMacos(mac.dir, 'usr/sbin/nvram', `boot-args=${merged.line}`);
  restartMac(mac.dir);
}

/** Runs a tool of the booted macOS, as root over SSH; gives what it said. */
export async function inMacos(dir: string, tool: string, ...args: readonly string[]): Promise<string> {
  try {
    const { stdout, stderr } = await run(join(dir, tool), [...args]);
    return stdout + stderr;
  } catch (error) {
    return (error as { stderr?: string }).stderr ?? String(error);
  }
}

/** The kit of the next visit; the object of the present policy counts as proven when our kernel has booted from it. */
export async function nextVisit({ mac }: Visitor, proven: 'proven' | 'unproven'): Promise<void> {
  const coih = proven === 'proven' ? (loadState(mac.dir).policy.coih ?? '') : '';
  await mac.placeKit({}, { visit: randomUUID(), 'proven-coih': coih });
}
