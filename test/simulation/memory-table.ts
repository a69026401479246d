/**
 * A table in memory that is asked as the services ask Prisma, in as much of its language as they use. A word of it that is not known here
 * ends the run by name, so that no condition is passed over.
 */
type Row = Record<string, unknown>;
type Where = Readonly<Record<string, unknown>>;

interface Query {
  readonly where?: Where;
  readonly data?: Row | readonly Row[];
  readonly create?: Row;
  readonly update?: Row;
  readonly orderBy?: Readonly<Record<string, 'asc' | 'desc'>>;
  readonly include?: Readonly<Record<string, unknown>>;
}

export interface TableOptions {
  /** Columns that a new row has when nobody says them. */
  readonly defaults?: Row;
  /** Rows of others that may be asked for beside one of this table. */
  readonly joins?: Readonly<Record<string, (row: Row) => unknown>>;
  /** Called when a row was added. */
  readonly onNew?: (row: Row) => void;
}

export function memoryTable(rows: readonly object[], { defaults = {}, joins = {}, onNew }: TableOptions = {}) {
  const all = rows as Row[];
  const found = ({ where = {} }: Query) => all.filter((row) => matches(row, where));
  const shown = (row: Row, { include = {} }: Query) => ({
    ...row,
    ...Object.fromEntries(Object.keys(include).map((name) => [name, joined(joins, name, row)])),
  });
  const add = (data: Row) => {
    const row = { ...defaults, ...data };
    all.push(row);
    onNew?.(row);
  };
  const first = (query: Query) => found(query)[0] ?? null;
  const firstShown = (query: Query) => {
    const row = first(query);
    return row === null ? null : shown(row, query);
  };
  return {
    findUnique: async (query: Query) => firstShown(query),
    findFirst: async (query: Query) => firstShown(query),
    findUniqueOrThrow: async (query: Query) => firstShown(query) ?? raise(`no row for ${JSON.stringify(query.where)}`),
    findMany: async (query: Query = {}) => ordered(found(query), query.orderBy).map((row) => shown(row, query)),
    count: async (query: Query = {}) => found(query).length,
    create: async ({ data }: Query) => add(data as Row),
    createMany: async ({ data }: Query) => (data as readonly Row[]).forEach(add),
    update: async (query: Query) =>
      void Object.assign(first(query) ?? raise(`no row for ${JSON.stringify(query.where)}`), query.data),
    upsert: async (query: Query) => {
      const known = first(query);
      if (known === null) add(query.create ?? {});
      else Object.assign(known, query.update);
    },
    updateMany: async (query: Query) => {
      const mine = found(query);
      for (const row of mine) Object.assign(row, query.data);
      return { count: mine.length };
    },
  };
}

function joined(joins: TableOptions['joins'], name: string, row: Row): unknown {
  return (joins?.[name] ?? raise(`the simulation knows no ${name} beside a row`))(row);
}

function ordered(rows: readonly Row[], orderBy: Query['orderBy']): readonly Row[] {
  const [[column, way] = []] = [Object.entries(orderBy ?? {})[0]];
  if (column === undefined) return rows;
  const sorted = [...rows].sort((left, right) => (String(left[column]) < String(right[column]) ? -1 : 1));
  return way === 'desc' ? sorted.reverse() : sorted;
}

function matches(row: Row, where: Where): boolean {
  return Object.entries(where).every(([column, wanted]) => {
    // A key of several columns is called by all of them.
    if (!(column in row) && column.includes('_')) return matches(row, wanted as Where);
    if (!(column in row)) return raise(`the simulation has no column ${column}`);
    return isCondition(wanted)
      ? Object.entries(wanted).every(([word, value]) => holds(row[column], word, value))
      : isSame(row[column], wanted);
  });
}

function isCondition(wanted: unknown): wanted is Where {
  return typeof wanted === 'object' && wanted !== null && !(wanted instanceof Date);
}

function holds(value: unknown, word: string, wanted: unknown): boolean {
  switch (word) {
    case 'in':
      return (wanted as readonly unknown[]).includes(value);
    case 'not':
      return !isSame(value, wanted);
    case 'gt':
      return value !== null && (value as number) > (wanted as number);
    default:
      return raise(`the simulation does not know the word ${word}`);
  }
}

function isSame(value: unknown, wanted: unknown): boolean {
  return value instanceof Date && wanted instanceof Date ? value.getTime() === wanted.getTime() : value === wanted;
}

function raise(problem: string): never {
  throw new Error(problem);
}
