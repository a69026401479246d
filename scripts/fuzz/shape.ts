/**
 * Which kinds of value a parser may give, field by field: declared in shapes.ts. A path that is not declared, a null that is not, and
 * any other kind is wrong. `.*` in place of a last key takes any key.
 */
type Kind = 'null' | 'boolean' | 'number' | 'string' | 'list' | 'bytes' | 'date' | 'object';
const DEPTH_MAX = 80;

/** Path -> kinds, parted by blanks: `{ '': 'list', '[]': 'object', '[].uuid': 'string null' }`. */
export type Shape = Readonly<Record<string, string>>;

/** The first thing in this value that its shape does not allow; null = none. A free-form value (no shape) may hold any plain value. */
export function wrongType(shape: Shape | null, value: unknown): string | null {
  try {
    for (const [path, kind] of kindsOf(value, '', 0)) {
      if (shape === null) continue;
      const kinds = shape[path] ?? shape[`${path.slice(0, path.lastIndexOf('.'))}.*`];
      if (kinds?.split(' ').includes(kind)) continue;
      return `${path || 'value'} is ${kind}, declared: ${kinds ?? 'nothing'}`;
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
  else if (kind === 'object') {
    const entries = value instanceof Map ? [...value] : Object.entries(value as object);
    for (const [key, each] of entries) yield* kindsOf(each, `${path}.${key}`, depth + 1);
  }
}

function kindOf(value: unknown, path: string): Kind {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Date) return 'date';
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`${path || 'value'} is ${value}`);
  const kind = typeof value;
  if (kind === 'boolean' || kind === 'number' || kind === 'string' || kind === 'object') return kind;
  throw new Error(`${path || 'value'} is ${kind}`);
}
