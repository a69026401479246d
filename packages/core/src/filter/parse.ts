/**
 * Parser of the filter language (RSQL): `state==raised;label=in=(lab,ci),chip==T6020`. `;` is "and", which binds tighter than `,`,
 * which is "or". Every refusal says where (position from 1), what was expected there and what was seen.
 */
import { type FilterField, type FilterOperator, type FilterTable, OPERATORS_OF } from './fields.ts';
import type { Comparison, Filter, FilterValue } from './filter.ts';
import { type Token, tokensOf } from './tokens.ts';
import { readValue } from './values.ts';

export const FILTER_CHARS_MAX = 2000;
const DEPTH_MAX = 10;
const VALUES_MAX = 200;

export interface FilterRefusal {
  readonly ok: false;
  readonly position: number;
  readonly expected: string;
  readonly seen: string;
}
export type ParsedFilter = { readonly ok: true; readonly filter: Filter } | FilterRefusal;

/** `<` and its like are short for the words. */
const SHORT: Readonly<Record<string, FilterOperator>> = { '<': '=lt=', '<=': '=le=', '>': '=gt=', '>=': '=ge=' };

/** Fields that are not in the table are refused with the list of those that are. */
export function parseFilter(text: string, fields: FilterTable): ParsedFilter {
  if (text.length > FILTER_CHARS_MAX)
    return {
      ok: false,
      position: FILTER_CHARS_MAX + 1,
      expected: `at most ${FILTER_CHARS_MAX} characters`,
      seen: `${text.length}`,
    };
  try {
    const reader = new Reader(tokensOf(text), fields);
    const filter = reader.either(0);
    reader.take('end', '";", "," or the end');
    return { ok: true, filter };
  } catch (error) {
    if (error instanceof Refused)
      return { ok: false, position: error.position, expected: error.expected, seen: error.seen };
    throw error;
  }
}

/** One sentence for people. */
export function filterRefusalText({ position, expected, seen }: FilterRefusal): string {
  return `at position ${position}: expected ${expected}, seen ${seen}`;
}

class Refused extends Error {
  constructor(
    readonly position: number,
    readonly expected: string,
    readonly seen: string,
  ) {
    super(`at position ${position}: expected ${expected}`);
  }
}

class Reader {
  private at = 0;

  constructor(
    private readonly tokens: readonly Token[],
    private readonly fields: FilterTable,
  ) {}

  either(depth: number): Filter {
    return this.joined('or', ',', () => this.both(depth));
  }

  take(kind: Token['kind'], expected: string): Token {
    const { token } = this;
    if (token.kind !== kind) throw refused(token, expected);
    this.at += 1;
    return token;
  }

  private both(depth: number): Filter {
    return this.joined('and', ';', () => this.one(depth));
  }

  private joined(kind: 'and' | 'or', mark: ';' | ',', read: () => Filter): Filter {
    const parts = [read()];
    while (this.token.kind === mark) {
      this.at += 1;
      parts.push(read());
    }
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { kind, parts };
  }

  private one(depth: number): Filter {
    if (this.token.kind !== '(') return this.comparison();
    if (depth >= DEPTH_MAX) throw refused(this.token, `at most ${DEPTH_MAX} levels of brackets`);
    this.at += 1;
    const inner = this.either(depth + 1);
    this.take(')', '";", "," or ")"');
    return inner;
  }

  private comparison(): Comparison {
    const { name, field } = this.field();
    const operator = this.operator(name, field);
    const isList = operator === '=in=' || operator === '=out=';
    const values = isList ? this.list(field) : [this.value(field)];
    return { kind: 'compare', field: name, type: field.type, operator, values };
  }

  private field(): { readonly name: string; readonly field: FilterField } {
    const expected = `a field: ${Object.keys(this.fields).join(', ')}`;
    const token = this.take('word', `"(" or ${expected}`);
    const field = Object.hasOwn(this.fields, token.text) ? this.fields[token.text] : undefined;
    if (field === undefined) throw refused(token, expected);
    return { name: token.text, field };
  }

  private operator(name: string, { type }: FilterField): FilterOperator {
    const allowed = OPERATORS_OF[type];
    const expected = `an operator of ${name}: ${allowed.join(' ')}`;
    const token = this.take('operator', expected);
    const operator = allowed.find((one) => one === (SHORT[token.text] ?? token.text));
    if (operator === undefined) throw refused(token, expected);
    return operator;
  }

  private list(field: FilterField): readonly FilterValue[] {
    this.take('(', '"(" and a list of values');
    const values = [this.value(field)];
    while (this.token.kind === ',') {
      if (values.length >= VALUES_MAX) throw refused(this.token, `at most ${VALUES_MAX} values`);
      this.at += 1;
      values.push(this.value(field));
    }
    this.take(')', '"," or ")"');
    return values;
  }

  private value(field: FilterField): FilterValue {
    const { token } = this;
    if (token.kind !== 'word' && token.kind !== 'quoted')
      throw refused(token, 'a value; quote it if it holds other signs than A-Z a-z 0-9 . _ : / -');
    const read = readValue(field, token.text);
    if (!read.ok) throw refused(token, read.expected);
    this.at += 1;
    return read.value;
  }

  private get token(): Token {
    // The last token is always `end`, and nothing goes past it.
    return this.tokens[this.at] ?? { kind: 'end', text: '', position: 0 };
  }
}

function refused(token: Token, expected: string): Refused {
  return new Refused(token.position, expected, token.kind === 'end' ? 'the end' : JSON.stringify(token.text));
}
