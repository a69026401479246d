/**
 * Every tool that a step starts hangs, those of its facts too. The step ends well, or with a code whose finding tells what to do; once
 * the tool answers again, the same step comes to its end.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS, type ErrorCode } from '@headroom/core';
import { expect, it } from 'vitest';
import type { RunOptions } from '../../../apps/agent/src/macos/runner.ts';
import { eachCell, type FaultMac, halfMade, isWhole, KINDS, type Kind, LONG_MS } from './fault-mac.ts';
import { factsOf, work } from './in-process.ts';
import { judge, tells } from './judge.ts';

const SLEEPER = '/usr/local/bin/sleeper';
const HANG_MS = 150;

/** What whoever replaces the agent's `runTool` looks at. */
export interface Tools {
  hanging: string;
  readonly seen: Set<string>;
}

/** The call as it shall be made. */
export function played(tools: Tools, options: RunOptions): RunOptions {
  const name = nameOf(options);
  tools.seen.add(name);
  return name === tools.hanging ? { ...options, path: SLEEPER, timeoutMs: HANG_MS } : options;
}

/** `/usr/sbin/nvram boot-args=`: the tool and what it is asked, without paths and values. */
function nameOf({ path, args }: RunOptions): string {
  const words = args.filter((word) => !/^\/.*\/|^[a-z]+\.|^-plist$/.test(word)).map((word) => word.replace(/=.*/, '='));
  return [path, ...words.slice(0, path.endsWith('/diskutil') ? 2 : 1)].join(' ');
}

/** What `npm test` tries, and the code that each gives; null = the step does without. */
const CHOSEN: Readonly<Record<Kind, Readonly<Record<string, ErrorCode | null>>>> = {
  install_kdk: {
    '/usr/bin/hdiutil info': null,
    '/usr/bin/hdiutil attach': 'COMMAND_TIMED_OUT',
    '/usr/bin/hdiutil detach': 'KDK_STILL_ATTACHED',
    '/usr/sbin/pkgutil --pkgs': 'COMMAND_TIMED_OUT',
    '/usr/sbin/installer -pkg': 'COMMAND_TIMED_OUT',
  },
  build_kc: { '/usr/bin/kmutil create': 'KC_TIMED_OUT' },
  place_kit: { '/bin/ls -lde': 'COMMAND_TIMED_OUT' },
  set_boot_args: { '/usr/sbin/nvram -s': 'COMMAND_TIMED_OUT', '/usr/sbin/nvram boot-args': 'COMMAND_TIMED_OUT' },
  disarm_kit: {},
  clear_boot_args: { '/bin/ps -axww': 'PLAN_OUTDATED' },
  remove_kit: { '/bin/ls -lde': 'COMMAND_TIMED_OUT' },
  remove_kc: { '/usr/bin/bputil -d': 'PLAN_OUTDATED' },
  remove_kdk: { '/usr/sbin/pkgutil --forget': 'COMMAND_TIMED_OUT' },
};
/** What only the tool that hangs could have taken away. */
const STAYS: Readonly<Record<string, RegExp>> = {
  '/usr/bin/hdiutil detach': /^(lost )?attached |\/headroom\/mnt\//,
  '/usr/sbin/nvram -s': /^unsaved /,
};
/** They tell what could be read, and say of the rest that it is not known: whole, and another text than with all of it. */
const TELLS = /^Library\/Headroom\/(BREAK-GLASS\.txt|manifest) /;
/** Steps of the way back that come while the Mac is still raised. */
const RAISED: readonly Kind[] = ['disarm_kit', 'clear_boot_args'];

export function hangs(mac: () => FaultMac, tools: Tools): void {
  const kinds = KINDS.filter((kind) => isWhole || Object.keys(CHOSEN[kind]).length > 0);
  it.each(kinds)(
    '%s names each tool that hangs, and comes to its end afterwards',
    { timeout: LONG_MS },
    async (kind) => {
      const chosen = CHOSEN[kind];
      const names = isWhole ? await toolsOf(mac(), tools, kind) : Object.keys(chosen);
      const ends: Record<string, number> = {};
      const wrong = await eachCell(names, async (name) => {
        const code = await hanging({ mac: mac(), tools, kind, name });
        if (name in chosen) expect([name, code]).toEqual([name, chosen[name] ?? null]);
        ends[code ?? 'succeeded'] = (ends[code ?? 'succeeded'] ?? 0) + 1;
      });
      if (isWhole) console.log(`${kind}: ${names.length} tools hang; ${JSON.stringify(ends)}`);
      expect(wrong).toEqual([]);
    },
  );
}

async function toolsOf(mac: FaultMac, tools: Tools, kind: Kind): Promise<readonly string[]> {
  mac.before(kind);
  tools.seen.clear();
  expect(await work(mac, mac.planOf(kind))).toMatchObject({ outcome: 'succeeded' });
  const names = [...tools.seen].sort();
  expect(names).toEqual(expect.arrayContaining(Object.keys(CHOSEN[kind])));
  return names;
}

interface Cell {
  readonly mac: FaultMac;
  readonly tools: Tools;
  readonly kind: Kind;
  /** Of the tool that hangs. */
  readonly name: string;
}

/** The code of the step; null = it did without. */
async function hanging({ mac, tools, kind, name }: Cell): Promise<ErrorCode | null> {
  const clean = await mac.cleanEnd(kind);
  mac.before(kind);
  writeFileSync(join(mac.sysroot, SLEEPER), '#!/bin/sh\nexec /bin/sleep 600\n', { mode: 0o755 });
  const [sleeper = ''] = mac.listing().filter((line) => line.includes('sleeper'));
  const listed = (): readonly string[] => mac.listing().filter((line) => line !== sleeper);
  const before = listed();
  tools.hanging = name;
  tools.seen.clear();
  const report = await work(mac, mac.planOf(kind));
  const facts = await factsOf(mac);
  tools.hanging = '';
  expect([...tools.seen], 'it was asked').toContain(name);
  if (report.code !== null) {
    expect(ERRORS[report.code].retry, `${name}: ${report.code} can be recovered from`).not.toBe('permanent');
    const { kdk, kc } = mac;
    const evaluation = judge({ kind, facts, failure: report, kdk, kc });
    expect(tells(evaluation, kind, report.code), `${kind}, ${name}: ${report.code} ${report.detail}`).not.toEqual([]);
    if (!RAISED.includes(kind)) expect(evaluation.state, name).not.toBe('raised');
  }
  const left = halfMade({ before, clean, now: listed() }).filter((line) => STAYS[name]?.test(line) !== true);
  const told = report.code === null ? left.filter((line) => TELLS.test(line)) : [];
  expect(left, `${kind}, ${name}`).toEqual(told);
  if (report.code !== null || told.length > 0)
    expect(await work(mac, mac.planOf(kind)), `${kind}, after ${name}`).toMatchObject({ outcome: 'succeeded' });
  expect(listed(), `${kind}, ${name}`).toEqual(clean);
  return report.code;
}
