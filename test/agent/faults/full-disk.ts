/** The disk is full under each folder that a step writes to. */
import { join } from 'node:path';
import type { ErrorCode } from '@headroom/core';
import { expect, it } from 'vitest';
import { type FaultMac, HOME, halfMade, isWhole, KDKS, KIT, type Kind, LONG_MS } from './fault-mac.ts';
import { factsOf, work } from './in-process.ts';
import { judge, tells } from './judge.ts';
import { fullDisk } from './small-disk.ts';

interface Full {
  readonly kind: Kind;
  readonly folder: string;
  /** null = the step does without. */
  readonly code: ErrorCode | null;
  readonly inTests?: true;
}

const FULL: readonly Full[] = [
  { kind: 'install_kdk', folder: `${HOME}/kdk`, code: 'DISK_FULL' },
  { kind: 'install_kdk', folder: KDKS, code: 'DISK_FULL', inTests: true },
  { kind: 'install_kdk', folder: HOME, code: 'DISK_FULL' },
  { kind: 'build_kc', folder: `${HOME}/kc`, code: 'KC_DISK_FULL', inTests: true },
  { kind: 'build_kc', folder: `${HOME}/logs`, code: null },
  { kind: 'build_kc', folder: HOME, code: 'DISK_FULL' },
  { kind: 'place_kit', folder: KIT, code: 'DISK_FULL', inTests: true },
  { kind: 'place_kit', folder: HOME, code: 'DISK_FULL' },
  { kind: 'set_boot_args', folder: HOME, code: 'DISK_FULL', inTests: true },
  { kind: 'disarm_kit', folder: HOME, code: 'DISK_FULL' },
  { kind: 'clear_boot_args', folder: HOME, code: 'DISK_FULL' },
  { kind: 'remove_kit', folder: HOME, code: 'DISK_FULL' },
  { kind: 'remove_kc', folder: HOME, code: 'DISK_FULL' },
  { kind: 'remove_kdk', folder: HOME, code: 'DISK_FULL' },
];
/** What kmutil said when the disk was full is kept all the same, if there is room for it. */
const MAY_DIFFER = /kmutil-create\.log/;

export function fullDisks(mac: () => FaultMac): void {
  const rows = FULL.filter(({ inTests }) => isWhole || inTests === true);
  it.for(rows)('$kind, disk full under $folder: $code', { timeout: LONG_MS }, async (row, { skip }) => {
    const { kind, folder, code } = row;
    const clean = await mac().cleanEnd(kind);
    mac().before(kind);
    const before = mac().listing();
    const disk = fullDisk(join(mac().sysroot, folder));
    if (disk === null) return skip('only root may mount a small disk here');
    try {
      const report = await work(mac(), mac().planOf(kind));
      expect(report).toMatchObject({ code, detail: expect.any(String) });
      expect(halfMade({ before, clean, now: mac().listing() })).toEqual([]);
      const { kdk, kc } = mac();
      const evaluation = judge({ kind, facts: await factsOf(mac()), failure: report, kdk, kc });
      if (code !== null) expect(tells(evaluation, kind, code), report.detail).not.toEqual([]);
      disk.free();
      if (code !== null) expect(await work(mac(), mac().planOf(kind))).toMatchObject({ outcome: 'succeeded' });
      expect(mac().listing().filter(isTheSame)).toEqual(clean.filter(isTheSame));
    } finally {
      disk.remove();
    }
  });
}

function isTheSame(line: string): boolean {
  return !MAY_DIFFER.test(line);
}
