/** What one host says of each field of HOST_FIELDS. */
import type { Facts } from '../facts.ts';
import type { Filter } from './filter.ts';
import type { HostFieldName } from './host-fields.ts';
import { matchesFilter, type ReadField } from './match.ts';
import { readVersion } from './values.ts';

/** What one host is, as far as filters ask. null = unknown. */
export interface FilterHost {
  readonly labels: readonly string[];
  readonly site: string;
  readonly hardwareUuid: string;
  readonly facts: Facts | null;
  readonly state: string;
  readonly presence: string;
  /** none, configured or witnessed. */
  readonly proof: string;
  /** Codes. */
  readonly findings: readonly string[];
  readonly quota: number;
}

export function matchesHost(filter: Filter, host: FilterHost): boolean | null {
  return matchesFilter(filter, (field) => readField(field as HostFieldName, host));
}

function readField(field: HostFieldName, { facts, ...host }: FilterHost): ReturnType<ReadField> {
  switch (field) {
    case 'label':
      return host.labels;
    case 'site':
      return host.site;
    case 'chip':
    case 'variant':
      return facts?.kernel.variant?.toUpperCase() ?? null;
    case 'model':
      return facts?.hardware.model ?? null;
    case 'os':
      return readVersion(facts?.os.version ?? '');
    case 'build':
      return facts?.os.build ?? null;
    case 'uuid':
      return host.hardwareUuid.toUpperCase();
    case 'serial':
      return facts?.hardware.serial ?? null;
    case 'state':
      return host.state;
    case 'presence':
      return host.presence;
    case 'proof':
      return host.proof;
    case 'finding':
      return host.findings;
    case 'quota':
      return host.quota;
  }
}
