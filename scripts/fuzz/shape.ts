/**
 * Which type each field of a parser's value has, learned from the captures; a mutated input may make a field null or drop an
 * optional one, but never turn it into another type.
 */
type Kind = 'null' | 'boolean' | 'number' | 'bigint' | 'string' | 'list' | 'bytes' | 'date' | 'object';
const DEPTH_MAX = 80;

export type Shape = Map<string, Set<Kind>>;

export function learn(shape: Shape, value: unknown): void {
  for (const [path, kind] of kindsOf(value, '', 0)) {
    const kinds = shape.get(path) ?? new Set<Kind>();
    shape.set(path, kinds.add(kind));
  }
}

/** The first thing in this value that no value may hold, or that has another type than in every capture; null = none. */
export function wrongType(shape: Shape | null, value: unknown): string | null {
  try {
    for (const [path, kind] of kindsOf(value, '', 0)) {
      const kinds = shape?.get(path);
      if (kind === 'null' || kinds === undefined || kinds.has(kind)) continue;
      if (kinds.size === 1 && kinds.has('null')) continue;
      return `${path || 'value'} is ${kind}, in captures ${[...kinds].join(' or ')}`;
    }
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function* kindsOf(value: unknown, path: string, depth: number): Generator<readonly [string, Kind]> {
  const kind = kindOf(value, path);
  yield [path, kind];
  if (depth > DEPTH_MAX) throw new Error(`${path.slice(0, 60)} is deeper than ${DEPTH_MAX}`);
  if (Array.isArray(value)) for (const each of value) yield* kindsOf(each, `${path}[]`, depth + 1);
  else if (kind === 'object')
    for (const [key, each] of Object.entries(value as object)) yield* kindsOf(each, `${path}.${key}`, depth + 1);
}

function kindOf(value: unknown, path: string): Kind {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Date) return 'date';
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`${path || 'value'} is ${value}`);
  const kind = typeof value;
  if (kind === 'undefined' || kind === 'function' || kind === 'symbol')
    throw new Error(`${path || 'value'} is ${kind}`);
  return kind;
}
