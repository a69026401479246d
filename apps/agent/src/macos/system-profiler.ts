/**
 * system_profiler: hardware overview and, without root, the boot policy as the system shows it.
 * Seen: macOS 14 to 26, -json and text. Its values are in the system's language: a word that is not English is unknown.
 * It knows no custom kernel (coih) and may be empty.
 */
import type { SecurityMode } from '@headroom/core';
import { known, type Reading, unknown } from './reading.ts';
import { isRecord, jsonIn, linesOf, quote, uuidOf } from './text.ts';
import { type Output, readTool, type ToolContext } from './tool.ts';

const SYSTEM_PROFILER = '/usr/sbin/system_profiler';
const systemProfilerArgs = (dataType: 'SPHardwareDataType' | 'SPiBridgeDataType'): readonly string[] => [
  dataType,
  '-json',
];

export interface HardwareOverview {
  /** "Apple M2 Pro". */
  readonly chip: string | null;
  readonly model: string | null;
  readonly uuid: string | null;
  readonly serial: string | null;
}

/** The part of the boot policy that needs no root. */
export interface ShownPolicy {
  readonly securityMode: SecurityMode | null;
  readonly sipEnabled: boolean | null;
  readonly bootArgsFiltering: boolean | null;
}

export function readHardwareOverview(context: ToolContext): Promise<Reading<HardwareOverview>> {
  return readTool(context, { path: SYSTEM_PROFILER, args: systemProfilerArgs('SPHardwareDataType') }, parseHardware);
}

export function readShownPolicy(context: ToolContext): Promise<Reading<ShownPolicy>> {
  return readTool(context, { path: SYSTEM_PROFILER, args: systemProfilerArgs('SPiBridgeDataType') }, parseShownPolicy);
}

export function parseHardware({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<HardwareOverview> {
  const item = firstItem(stdout, 'SPHardwareDataType');
  if (item === null) return unknown(`system_profiler printed no hardware: ${quote(stderr, stdout)}`);
  return known({
    chip: textOf(item['chip_type']),
    model: textOf(item['machine_model']),
    uuid: uuidOf(item['platform_UUID']),
    serial: textOf(item['serial_number']),
  });
}

export function parseShownPolicy({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<ShownPolicy> {
  const item = firstItem(stdout, 'SPiBridgeDataType');
  const labels = item === null ? labelsOf(linesOf(stdout)) : null;
  const field = (key: string, label: string) => (item === null ? labels?.get(label) : textOf(item[key]));
  const policy = {
    securityMode: securityModeOf(field('ibridge_secure_boot', 'Secure Boot')),
    sipEnabled: enabledOf(field('ibridge_sb_sip', 'System Integrity Protection')),
    bootArgsFiltering: enabledOf(field('ibridge_sb_boot_args', 'Boot Arguments Filtering')),
  };
  if (Object.values(policy).some((value) => value !== null)) return known(policy);
  return unknown(`system_profiler shows no boot policy that we can read: ${quote(stderr, stdout)}`);
}

function firstItem(stdout: string, dataType: string): Readonly<Record<string, unknown>> | null {
  const json = jsonIn(stdout);
  const items = isRecord(json) ? json[dataType] : undefined;
  const item: unknown = Array.isArray(items) ? items[0] : undefined;
  return isRecord(item) ? item : null;
}

function labelsOf(lines: readonly string[]): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  for (const line of lines) {
    const match = /^\s*([^:]{1,60}):\s*(\S.*?)\s*$/.exec(line);
    if (match?.[1] !== undefined && !labels.has(match[1])) labels.set(match[1], match[2] ?? '');
  }
  return labels;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : null;
}

function securityModeOf(value: string | null | undefined): SecurityMode | null {
  const mode = /^(Full|Reduced|Permissive) Security$/.exec(value ?? '')?.[1]?.toLowerCase();
  return mode === 'full' || mode === 'reduced' || mode === 'permissive' ? mode : null;
}

function enabledOf(value: string | null | undefined): boolean | null {
  if (value === 'Enabled') return true;
  return value === 'Disabled' ? false : null;
}
