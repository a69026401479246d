/**
 * csrutil: System Integrity Protection, read only (it is changed by a person in recoveryOS). Seen: 10.11 to 27; the
 * indent is a tab, eight blanks or lost, the final dot may lack, and a refusal may exit 0: the text counts.
 */
import type { SipStatus } from '@headroom/core';
import { firstReading, known, type Reading, unknown } from './reading.ts';
import { linesOf, matchIn, quote } from './text.ts';
import { type Output, readTool, type ToolContext } from './tool.ts';

const CSRUTIL = '/usr/bin/csrutil';
const csrutilStatusArgs = (): readonly string[] => ['status'];

export interface Sip {
  readonly status: SipStatus;
  /** Label as printed -> enabled. Only for `custom`; null there = not all of them can be read. */
  readonly flags: Readonly<Record<string, boolean>> | null;
}

export function readCsrutil(context: ToolContext): Promise<Reading<Sip>> {
  return readTool(context, { path: CSRUTIL, args: csrutilStatusArgs() }, parseCsrutil);
}

export function parseCsrutil({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<Sip> {
  return firstReading([stdout, stderr], (text) => sipIn(linesOf(text), quote(stdout, stderr)));
}

function sipIn(lines: readonly string[], printed: string): Reading<Sip> {
  const STATUS =
    /^\s*System Integrity Protection status:\s*(enabled|disabled|unknown)\s*(\(Custom Configuration\))?\.?\s*$/;
  const at = lines.findIndex((line) => STATUS.test(line));
  const match = STATUS.exec(lines[at] ?? '');
  if (match === null) return unknown(`csrutil printed no status: ${printed}`);
  if (match[2] !== undefined) return known({ status: 'custom', flags: flagsOf(lines.slice(at + 1)) });
  if (match[1] === 'unknown') return unknown('csrutil itself says that the status is unknown');
  return known({ status: match[1] === 'enabled' ? 'enabled' : 'disabled', flags: null });
}

/** Status of the signed system volume, from `csrutil authenticated-root status`. */
export function parseAuthenticatedRoot({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<boolean> {
  return firstReading([stdout, stderr], (text) => {
    const match = matchIn(linesOf(text), /^\s*Authenticated Root status:\s*(enabled|disabled)\.?\s*$/);
    return match === null
      ? unknown(`csrutil printed no status: ${quote(stdout, stderr)}`)
      : known(match[1] === 'enabled');
  });
}

/** Of the lines below the status: all flags or none, as one that was passed over would look like one that is not there. */
function flagsOf(lines: readonly string[]): Readonly<Record<string, boolean>> | null {
  const flags: Record<string, boolean> = {};
  for (const line of lines) {
    const match = /^\s*([A-Z][A-Za-z -]{2,60}):\s*(enabled|disabled)\.?\s*$/.exec(line);
    if (match?.[1] !== undefined) flags[match[1]] = match[2] === 'enabled';
    else if (/^\s*[^:]+:\s*\S/.test(line)) return null;
  }
  return Object.keys(flags).length > 0 ? flags : null;
}
