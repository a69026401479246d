/**
 * bputil: the boot policy of one system, read only; needs root. Seen: macOS 12 to 27.2, Apple silicon.
 * Lines are keyed by their four-letter tag, as labels repeat ("Security Mode" is CSEC and smb0). A banner, or a line
 * about the volume group, may precede even JSON; errors may follow good data. A field without its line is unknown.
 */
import type { SecurityMode } from '@headroom/core';
import { parseBputilJson } from './bputil-json.ts';
import { firstReading, known, type Reading, unknown } from './reading.ts';
import { jsonIn, linesOf, matchIn, quote, uuidOf } from './text.ts';
import { type Output, readTool, type ToolContext } from './tool.ts';

const BPUTIL = '/usr/bin/bputil';
/** Always with the volume group: with several systems bputil would ask. */
const bputilDisplayArgs = (group: string): readonly string[] => ['-d', '-v', group];

export interface BootPolicy {
  /** `vuid`. */
  readonly group: string | null;
  readonly securityMode: SecurityMode | null;
  /** `coih`: 96 upper-case hex digits or "absent". */
  readonly customKernel: string | null;
  /** true = filtered (`sip3` absent). */
  readonly bootArgsFiltering: boolean | null;
  /** Lower-case hex such as "7f", or "absent". */
  readonly sip0: string | null;
  /** Is the environment that was asked paired with this system? */
  readonly paired: boolean | null;
  /** Does the policy name third-party kexts (auxi or auxp)? */
  readonly auxiliaryKexts: boolean | null;
  /** "macOS" or "one true recoveryOS". */
  readonly environment: string | null;
}

export function readBootPolicy(context: ToolContext, group: string): Promise<Reading<BootPolicy>> {
  const call = { path: BPUTIL, args: bputilDisplayArgs(group) };
  return readTool(context, call, (output) => parseBputil(output, group));
}

/** The policy of `group`; with null the only one that is there. */
export function parseBputil(
  { stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>,
  group: string | null,
): Reading<BootPolicy> {
  return firstReading([stdout, stderr], (text) =>
    policyIn(text, group, (others) => whyNone(stdout, stderr, group, others)),
  );
}

function policyIn(text: string, group: string | null, why: (others: number) => string): Reading<BootPolicy> {
  const json = jsonIn(text);
  const printed = json === undefined ? splitPolicies(linesOf(text)).map(policyOf) : parseBputilJson(json);
  const policies = printed.filter(saysAnything);
  const found = policies.filter(
    (policy) => group === null || policy.group === null || policy.group === group.toUpperCase(),
  );
  const [policy] = found;
  if (policy === undefined) return unknown(why(policies.length));
  if (found.length > 1) return unknown(`bputil printed ${found.length} policies that may be meant`);
  return known(policy);
}

function whyNone(stdout: string, stderr: string, group: string | null, others: number): string {
  const text = `${stderr}\n${stdout}`;
  if (text.includes('requires running as root')) return 'bputil needs root';
  if (text.includes('not yet supported on this platform')) return 'bputil: not an Apple silicon Mac';
  if (others > 0 && group !== null) return `bputil printed no policy of volume group ${group}`;
  return `bputil printed no policy: ${quote(stderr, stdout)}`;
}

/** One list of lines per policy: `bputil -e` prints one block per volume group. */
function splitPolicies(lines: readonly string[]): readonly (readonly string[])[] {
  const blocks: string[][] = [[]];
  for (const line of lines) {
    if (/^\s*(Current local policy|Local policy for volume group [0-9A-Fa-f-]{36}):/.test(line)) blocks.push([]);
    blocks.at(-1)?.push(line);
  }
  return blocks.length > 1 ? blocks.slice(1) : blocks;
}

function policyOf(lines: readonly string[]): BootPolicy {
  const tags = tagsOf(lines);
  const auxiliary = [tags.get('auxi'), tags.get('auxp')];
  return {
    group:
      uuidOf(tags.get('vuid')) ?? uuidOf(valueAfter(lines, /^\s*Local policy for volume group ([0-9A-Fa-f-]{36}):/)),
    securityMode: securityModeOf(tags),
    customKernel: hashOrAbsent(tags.get('coih')),
    bootArgsFiltering: absentMeansOn(tags.get('sip3')),
    sip0: sipFlags(tags.get('sip0')),
    paired: pairedOf(valueAfter(lines, /^\s*OS Pairing Status\s*:\s*(.+?)\s*$/)),
    auxiliaryKexts: auxiliary.includes(undefined) ? null : auxiliary.some((value) => value !== 'absent'),
    environment: valueAfter(lines, /^\s*(?:OS Type|Current OS environment)\s*:\s*(.+?)\s*$/),
  };
}

/** Tag -> value. Of a tag that stands in both sections (lpnh) the later value stays; none of ours does. */
function tagsOf(lines: readonly string[]): ReadonlyMap<string, string> {
  const tags = new Map<string, string>();
  for (const line of lines) {
    const match = /\(([A-Za-z0-9]{4}(?: && [A-Za-z0-9]{4})?)\)\s*:\s*(\S.*?)\s*$/.exec(line);
    if (match?.[1] !== undefined) tags.set(match[1], match[2] ?? '');
  }
  return tags;
}

function valueAfter(lines: readonly string[], pattern: RegExp): string | null {
  return matchIn(lines, pattern)?.[1] ?? null;
}

/** Full = smb0 absent, Reduced = smb0 1, Permissive = smb0 && smb1. The word before the tag is not read: it may be translated. */
function securityModeOf(tags: ReadonlyMap<string, string>): SecurityMode | null {
  if (tags.get('smb0 && smb1') === '1') return 'permissive';
  const smb0 = tags.get('smb0');
  if (smb0 === 'absent') return 'full';
  if (smb0 === '1') return tags.get('smb1') === '1' ? 'permissive' : 'reduced';
  return null;
}

export function hashOrAbsent(value: string | undefined): string | null {
  if (value === 'absent') return value;
  return value !== undefined && /^[0-9A-Fa-f]{96}$/.test(value) ? value.toUpperCase() : null;
}

function absentMeansOn(value: string | undefined): boolean | null {
  if (value === 'absent') return true;
  return value === '1' ? false : null;
}

/** `7f`, or `0x7f` as numbers of the same text are printed. */
function sipFlags(value: string | undefined): string | null {
  if (value === 'absent') return value;
  return /^(?:0x)?([0-9a-fA-F]{1,8})$/.exec(value ?? '')?.[1]?.toLowerCase() ?? null;
}

function pairedOf(value: string | null): boolean | null {
  if (value === 'Paired') return true;
  return value === 'Not Paired' ? false : null;
}

function saysAnything(policy: BootPolicy): boolean {
  return Object.entries(policy).some(([key, value]) => key !== 'group' && value !== null);
}
