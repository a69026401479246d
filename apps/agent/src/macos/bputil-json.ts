/** `bputil --json` (0.1.14, macOS 26): one object per volume group. Key names come from code that reads it; nobody published a whole one. */
import type { BootPolicy } from './bputil.ts';
import { isRecord, uuidOf } from './text.ts';

export function parseBputilJson(json: unknown): readonly BootPolicy[] {
  if (!isRecord(json)) return [];
  return Object.values(json)
    .filter(isRecord)
    .map((policy) => ({
      group: uuidOf(policy['vuid']),
      securityMode: securityModeOf(policy['security_mode']),
      customKernel: hashField(policy, 'coih'),
      bootArgsFiltering: negated(policy['sip3']),
      sip0: sipField(policy),
      paired: booleanOrNull(policy['os_paired_to_current']),
      auxiliaryKexts: eitherOf(policy['auxi_exists'], policy['auxp_exists']),
      environment: typeof policy['os_type'] === 'string' ? policy['os_type'] : null,
    }));
}

function securityModeOf(value: unknown): BootPolicy['securityMode'] {
  return value === 'full' || value === 'reduced' || value === 'permissive' ? value : null;
}

function hashField(policy: Readonly<Record<string, unknown>>, tag: string): string | null {
  if (policy[`${tag}_exists`] === false) return 'absent';
  const value = policy[tag];
  return typeof value === 'string' && /^[0-9A-Fa-f]{96}$/.test(value) ? value.toUpperCase() : null;
}

function sipField(policy: Readonly<Record<string, unknown>>): string | null {
  if (policy['sip0_exists'] === false) return 'absent';
  const value = policy['sip0'];
  if (policy['sip0_exists'] !== true || typeof value !== 'number' || !Number.isInteger(value) || value < 0) return null;
  return value.toString(16);
}

function booleanOrNull(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null;
}

function negated(value: unknown): boolean | null {
  return typeof value === 'boolean' ? !value : null;
}

function eitherOf(a: unknown, b: unknown): boolean | null {
  return typeof a === 'boolean' && typeof b === 'boolean' ? a || b : null;
}
