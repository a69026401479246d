/**
 * kill -9 and power cut at every change that a step makes: before it, and in the middle of each tool. The same plan then comes to its
 * end, and what lies on the Mac is to the letter what lies there when nothing went wrong.
 */
import { expect, it } from 'vitest';
import { bootMac, cutPower } from '../../../packages/mac-sim/src/index.ts';
import { eachCell, type FaultMac, isWhole, KINDS, type Kind, LONG_MS } from './fault-mac.ts';

/** Into the installer and kmutil, which take 300 ms. */
const INTO_A_TOOL_MS = 120;

interface Point {
  readonly number: number;
  readonly what: string;
  readonly afterMs: number | null;
  readonly isPowerCut: boolean;
}

/** What `npm test` tries: the power goes in the middle of this tool, or the agent is killed before the change that holds this text. */
const CHOSEN: Readonly<Record<Kind, RegExp>> = {
  install_kdk: /^in tool .*installer/,
  build_kc: /^in tool .*kmutil create/,
  place_kit: /^before rename .*KernelCollection/,
  set_boot_args: /^in tool .*nvram boot-args=/,
  disarm_kit: /^before rm .*KernelCollection/,
  clear_boot_args: /^before tool .*nvram -s/,
  remove_kit: /^before rm .*Headroom$/,
  remove_kc: /^before rm .*kc$/,
  remove_kdk: /^before tool .*pkgutil --forget/,
};

/** Every change; every tool in its middle, and there with the power cut, too, as between the records of the journal. */
function pointsOf(changes: readonly string[]): readonly Point[] {
  return changes.flatMap((what, index) => {
    const before = { number: index + 1, what: `before ${what}`, afterMs: null, isPowerCut: false };
    const middle = { ...before, what: `in ${what}`, afterMs: INTO_A_TOOL_MS };
    if (what.startsWith('tool ')) return [before, middle, { ...middle, isPowerCut: true }];
    return what.includes('/journal/') ? [before, { ...before, isPowerCut: true }] : [before];
  });
}

export function kills(mac: () => FaultMac): void {
  it.each(KINDS)('%s comes to the same end after a kill at any place', { timeout: LONG_MS }, async (kind) => {
    const { changes, clean } = await mac().trace(kind);
    const all = pointsOf(changes);
    const one = all.findLast(({ what }) => CHOSEN[kind].test(what));
    expect(one, `${CHOSEN[kind]} is none of ${changes.join('\n')}`).toBeDefined();
    let hits = 0;
    const wrong = await eachCell(isWhole || one === undefined ? all : [one], async (point) => {
      if (await killedAt(mac(), kind, point, clean)) hits += 1;
    });
    if (isWhole) console.log(`${kind}: ${changes.length} changes, ${all.length} kills and power cuts, ${hits} hit`);
    expect(wrong).toEqual([]);
    expect(hits).toBeGreaterThan(0);
  });
}

/** true = the kill hit; a tool may have been too quick for one in its middle. */
async function killedAt(mac: FaultMac, kind: Kind, point: Point, clean: readonly string[]): Promise<boolean> {
  const { number, what, afterMs, isPowerCut } = point;
  mac.before(kind);
  const plan = mac.planOf(kind);
  const isHit = await mac.applyAndDie(plan, number, afterMs);
  if (afterMs === null) expect(isHit, what).toBe(true);
  if (isPowerCut) {
    cutPower(mac.sysroot);
    bootMac(mac.sysroot);
  }
  const { code, stdout, stderr } = await mac.apply(plan);
  expect([code, stdout, stderr], what).toEqual([0, expect.stringContaining(`${kind}: succeeded`), '']);
  expect(mac.listing(), `${kind}, ${what}${isPowerCut ? ', power cut' : ''}`).toEqual(clean);
  return isHit;
}
