/**
 * What a field of the filter language is. Each list declares its own table of fields; a filter takes no others, and the database has an
 * index for each or for the few rows among which it looks.
 */

export const FIELD_TYPES = ['text', 'labels', 'version', 'number', 'time', 'uuid', 'flag'] as const;
export type FieldType = (typeof FIELD_TYPES)[number];

export const FILTER_OPERATORS = ['==', '!=', '=in=', '=out=', '=lt=', '=le=', '=gt=', '=ge='] as const;
export type FilterOperator = (typeof FILTER_OPERATORS)[number];

export interface FilterField {
  readonly type: FieldType;
  /** Texts are compared in this case, whatever was typed. */
  readonly letters?: 'upper';
  /** The only texts that it can hold: another one is a slip, not a search that finds nothing. */
  readonly values?: readonly string[];
  readonly means: string;
}

/** The fields of one list, by name. */
export type FilterTable = Readonly<Record<string, FilterField>>;

const EQUALS = ['==', '!=', '=in=', '=out='] as const;

/** Operators by type. Labels are a set: `==` means "has it", `=in=` "has one of them". */
export const OPERATORS_OF: Readonly<Record<FieldType, readonly FilterOperator[]>> = {
  text: EQUALS,
  labels: EQUALS,
  uuid: EQUALS,
  flag: ['==', '!='],
  version: FILTER_OPERATORS,
  number: FILTER_OPERATORS,
  time: FILTER_OPERATORS,
};
