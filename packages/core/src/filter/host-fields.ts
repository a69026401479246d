/**
 * The fields by which hosts are chosen and listed. `identity` fields say what a Mac is: only they may choose hosts for a policy, as a
 * selector on states or readings would let go of a host as soon as it has worked.
 */
import { HOST_STATES, PRESENCES } from '../evaluate-types.ts';
import type { FieldType, FilterField, FilterTable } from './fields.ts';

export interface HostField extends FilterField {
  /** Fact or column. */
  readonly path: string;
  readonly identity: boolean;
}

type More = Pick<FilterField, 'letters' | 'values'>;
const UPPER: More = { letters: 'upper' };

export const HOST_FIELDS = {
  label: row('labels', 'host_label.label', true, 'a label of the Mac'),
  site: row('text', 'site.name', true, 'name of the site'),
  chip: row('text', 'facts.kernel.variant', true, 'kernel variant, e.g. T6020', UPPER),
  variant: row('text', 'facts.kernel.variant', true, 'the same as chip', UPPER),
  model: row('text', 'facts.hardware.model', true, 'e.g. "Mac14,12" (quoted, as it holds a comma)'),
  os: row('version', 'facts.os.version', true, 'macOS version, e.g. 14.5'),
  build: row('text', 'facts.os.build', true, 'macOS build, e.g. 23F79'),
  uuid: row('text', 'host.hardware_uuid', true, 'hardware UUID', UPPER),
  serial: row('text', 'facts.hardware.serial', true, 'serial number'),
  state: row('text', 'host_state.state', false, 'state of the host', { values: HOST_STATES }),
  presence: row('text', 'host_state.presence', false, 'is the host heard of', { values: PRESENCES }),
  proof: row('text', 'host_state.proof', false, 'how far a raise is proven', {
    values: ['none', 'configured', 'witnessed'],
  }),
  finding: row('labels', 'host_state.findings', false, 'code of a finding that it has, see docs/findings.md', UPPER),
  quota: row('number', 'intent.quota', false, 'the quota that is wanted'),
} as const satisfies Record<string, HostField>;
export type HostFieldName = keyof typeof HOST_FIELDS;

/** Which fields a filter may use: a policy's selector takes `identity` ones only, a rule that gives labels those but labels. */
export type FilterScope = 'identity' | 'rule' | 'all';

export function hostFields(scope: FilterScope): FilterTable {
  return Object.fromEntries(
    Object.entries(HOST_FIELDS).filter(
      ([name, { identity }]) => scope === 'all' || (identity && !(scope === 'rule' && name === 'label')),
    ),
  );
}

export function hostFieldNames(scope: FilterScope): readonly string[] {
  return Object.keys(hostFields(scope));
}

function row(type: FieldType, path: string, identity: boolean, means: string, more: More = {}): HostField {
  return { type, path, identity, means, ...more };
}
