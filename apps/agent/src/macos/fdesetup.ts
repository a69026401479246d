/**
 * fdesetup: FileVault's state. Seen: macOS 10.13 to 26. "Off, but will be enabled after the next restart" and the like are neither on nor
 * off: the very restart of a visit changes them.
 */
import type { FileVaultStatus } from '@headroom/core';
import { firstReading, known, type Reading, unknown } from './reading.ts';
import { linesOf, matchIn, quote } from './text.ts';
import { type Output, readTool, type ToolContext } from './tool.ts';

const FDESETUP = '/usr/bin/fdesetup';
const fdesetupStatusArgs = (): readonly string[] => ['status'];

export function readFileVault(context: ToolContext): Promise<Reading<FileVaultStatus>> {
  return readTool(context, { path: FDESETUP, args: fdesetupStatusArgs() }, parseFdesetup);
}

export function parseFdesetup({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<FileVaultStatus> {
  return firstReading([stdout, stderr], (printed) => statusIn(linesOf(printed), quote(stdout, stderr)));
}

function statusIn(lines: readonly string[], printed: string): Reading<FileVaultStatus> {
  if (matchIn(lines, /^\s*Encryption in progress\b/) !== null) return known('encrypting');
  if (matchIn(lines, /^\s*Decryption in progress\b/) !== null) return known('decrypting');
  const status = matchIn(lines, /^\s*FileVault is (On|Off)\.?\s*$/)?.[1];
  if (status === undefined) return unknown(`fdesetup printed no status: ${printed}`);
  return known(status === 'On' ? 'on' : 'off');
}
