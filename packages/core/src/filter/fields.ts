/**
 * The declared fields of the filter language. Each has a type, the fact or column it reads, and the operators that it takes;
 * the database has an index for every one. `identity` fields say what a Mac is: only they may choose hosts for a policy, as a
 * selector on states or readings would let go of a host as soon as it has worked.
 */

export type FieldType = 'text' | 'labels' | 'version' | 'number';

export const FILTER_OPERATORS = ['==', '!=', '=in=', '=out=', '=lt=', '=le=', '=gt=', '=ge='] as const;
export type FilterOperator = (typeof FILTER_OPERATORS)[number];

export interface FilterField {
  readonly type: FieldType;
  /** Fact or column. */
  readonly path: string;
  readonly identity: boolean;
  /** Texts are compared in this case, whatever was typed. */
  readonly letters?: 'upper';
  readonly means: string;
}

/** Operators by type. Labels are a set: `==` means "has it", `=in=` "has one of them". */
export const OPERATORS_OF: Readonly<Record<FieldType, readonly FilterOperator[]>> = {
  text: ['==', '!=', '=in=', '=out='],
  labels: ['==', '!=', '=in=', '=out='],
  version: FILTER_OPERATORS,
  number: FILTER_OPERATORS,
};

export const FILTER_FIELDS = {
  label: row('labels', 'host_label.label', true, 'a label of the Mac'),
  site: row('text', 'site.name', true, 'name of the site'),
  chip: row('text', 'facts.kernel.variant', true, 'kernel variant, e.g. T6020', 'upper'),
  variant: row('text', 'facts.kernel.variant', true, 'the same as chip', 'upper'),
  model: row('text', 'facts.hardware.model', true, 'e.g. "Mac14,12" (quoted, as it holds a comma)'),
  os: row('version', 'facts.os.version', true, 'macOS version, e.g. 14.5'),
  build: row('text', 'facts.os.build', true, 'macOS build, e.g. 23F79'),
  uuid: row('text', 'host.hardware_uuid', true, 'hardware UUID', 'upper'),
  serial: row('text', 'facts.hardware.serial', true, 'serial number'),
  state: row('text', 'host_state.state', false, 'state of the host'),
  presence: row('text', 'host_state.presence', false, 'is the host heard of'),
  proof: row('text', 'host_state.proof', false, 'how far a raise is proven: none, configured, witnessed'),
  quota: row('number', 'intent.quota', false, 'the quota that is wanted'),
} as const satisfies Record<string, FilterField>;
export type FilterFieldName = keyof typeof FILTER_FIELDS;

/** Which fields a filter may use: a policy's selector takes `identity` ones only, a rule that gives labels those but labels. */
export type FilterScope = 'identity' | 'rule' | 'all';

export function fieldNames(scope: FilterScope): readonly FilterFieldName[] {
  const names = Object.keys(FILTER_FIELDS) as FilterFieldName[];
  return names.filter(
    (name) => scope === 'all' || (FILTER_FIELDS[name].identity && !(scope === 'rule' && name === 'label')),
  );
}

export function isFieldName(name: string): name is FilterFieldName {
  return Object.hasOwn(FILTER_FIELDS, name);
}

function row(type: FieldType, path: string, identity: boolean, means: string, letters?: 'upper'): FilterField {
  return { type, path, identity, means, ...(letters !== undefined && { letters }) };
}
