/** Input that is wrong: a plan that does not fit this Mac or its grant, or something in the place of what a step needs. */
import { renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorCode, Facts, PlanStep } from '@headroom/core';
import { expect, it } from 'vitest';
import { breakMac, startGuests, stopGuests, updateState } from '../../../packages/mac-sim/src/index.ts';
import { bootArgsFor } from '../simulated-mac.ts';
import { type FaultMac, halfMade, isWhole, KDKS, KIT, type Kind, LINE, LONG_MS } from './fault-mac.ts';
import { work } from './in-process.ts';

interface Wrong {
  readonly what: string;
  readonly kind: Kind;
  readonly code: ErrorCode;
  readonly step?: (mac: FaultMac) => object;
  /** What somebody did to the Mac before the step, and how it is mended. */
  readonly spoil?: (mac: FaultMac) => void;
  readonly mend?: (mac: FaultMac) => void;
  /** What it reads of the Mac, in place of what is so. */
  readonly seen?: (facts: Facts, mac: FaultMac) => Facts;
  readonly inTests?: true;
}

const filter = (sip3: boolean) => (mac: FaultMac) =>
  void updateState(mac.sysroot, ({ policy }) => void Object.assign(policy, { sip3 }));
const NOT_STOCK = {
  what: 'a Mac that is not stock',
  code: 'PLAN_OUTDATED',
  spoil: filter(true),
  mend: filter(false),
} as const;
const KDK = `${KDKS}/KDK_14.5_23F79.kdk`;

/** Leads to a folder that others can write. */
function linkInPlaceOf(macPath: string): (mac: FaultMac) => void {
  return ({ sysroot }) => {
    rmSync(join(sysroot, macPath), { recursive: true, force: true });
    symlinkSync(join(sysroot, 'private/tmp'), join(sysroot, macPath));
  };
}

function withoutLink(macPath: string): (mac: FaultMac) => void {
  return ({ sysroot }) => rmSync(join(sysroot, macPath));
}

const WRONG: readonly Wrong[] = [
  {
    what: 'another sum',
    kind: 'install_kdk',
    code: 'KDK_SHA256_MISMATCH',
    step: (mac) => ({ kdk: { ...mac.kdk, sha256: 'b'.repeat(64) } }),
  },
  {
    what: 'another build',
    kind: 'install_kdk',
    code: 'PLAN_OUTDATED',
    step: (mac) => ({ kdk: { ...mac.kdk, build: '23F80' } }),
  },
  {
    what: 'too little room in the container',
    kind: 'install_kdk',
    code: 'DISK_FULL',
    seen: (facts, mac) => ({ ...facts, disk: { freeBytes: mac.kdk.sizeBytes * 7 + 300_000_000 - 1 } }),
    inTests: true,
  },
  {
    what: 'a link in the place of the KDK',
    kind: 'install_kdk',
    code: 'KDK_HUSK',
    spoil: (mac) => {
      mac.folderOf(KDKS);
      linkInPlaceOf(KDK)(mac);
    },
    mend: withoutLink(KDK),
    inTests: true,
  },
  { what: 'another chip', kind: 'build_kc', code: 'PLAN_OUTDATED', step: () => ({ variant: 'T8112' }) },
  {
    what: 'another line than the grant makes',
    kind: 'place_kit',
    code: 'GRANT_ARGS_EXCEEDED',
    step: () => ({ bootArgs: `${LINE} -v` }),
  },
  {
    what: 'a quota above the grant',
    kind: 'place_kit',
    code: 'GRANT_QUOTA_EXCEEDED',
    step: () => ({ quota: 255, bootArgs: bootArgsFor(255) }),
  },
  {
    what: 'a link in the place of the kit',
    kind: 'place_kit',
    code: 'KIT_FOLDER_NOT_OURS',
    spoil: linkInPlaceOf(KIT),
    mend: withoutLink(KIT),
    inTests: true,
  },
  {
    what: 'a link in the place of the kit',
    kind: 'disarm_kit',
    code: 'KIT_FOLDER_NOT_OURS',
    spoil: (mac) => {
      renameSync(join(mac.sysroot, KIT), join(mac.sysroot, 'aside'));
      linkInPlaceOf(KIT)(mac);
    },
    mend: (mac) => {
      withoutLink(KIT)(mac);
      renameSync(join(mac.sysroot, 'aside'), join(mac.sysroot, KIT));
    },
  },
  {
    what: 'a forbidden word',
    kind: 'set_boot_args',
    code: 'GRANT_ARGS_EXCEEDED',
    step: () => ({ bootArgs: `${LINE} amfi=1` }),
  },
  {
    what: 'a forbidden word that is stored',
    kind: 'set_boot_args',
    code: 'BOOT_ARGS_FORBIDDEN',
    spoil: (mac) => void breakMac(mac.sysroot, 'foreign-args'),
    mend: (mac) => void updateState(mac.sysroot, ({ nvram }) => void delete nvram.stored['boot-args']),
    inTests: true,
  },
  {
    what: 'guests that run',
    kind: 'clear_boot_args',
    code: 'PLAN_OUTDATED',
    spoil: (mac) => void startGuests(mac.sysroot, 1, 'linux'),
    mend: (mac) => void stopGuests(mac.sysroot, 1),
  },
  { ...NOT_STOCK, kind: 'remove_kit' },
  { ...NOT_STOCK, kind: 'remove_kc' },
  { ...NOT_STOCK, kind: 'remove_kdk' },
];

export function wrongInput(mac: () => FaultMac): void {
  const rows = WRONG.filter(({ inTests }) => isWhole || inTests === true);
  it.each(rows)('$kind: $what ends with $code', { timeout: LONG_MS }, async (row) => {
    const { kind, code, step, spoil, mend, seen = (facts) => facts } = row;
    const clean = await mac().cleanEnd(kind);
    mac().before(kind);
    spoil?.(mac());
    const before = mac().listing();
    const wrong = { ...mac().stepOf(kind), ...step?.(mac()) } as PlanStep;
    const report = await work(mac(), mac().planOf(kind, wrong), (facts) => seen(facts, mac()));
    expect(report).toMatchObject({ code });
    expect(halfMade({ before, clean, now: mac().listing() })).toEqual([]);
    mend?.(mac());
    expect(await work(mac(), mac().planOf(kind))).toMatchObject({ outcome: 'succeeded' });
    expect(mac().listing()).toEqual(clean);
  });
}
