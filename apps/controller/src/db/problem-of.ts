/**
 * What a failed statement means to whoever called. While Postgres is away, starting, out of room or out of connections, and when two
 * changes met and one had to give way, nothing is wrong with the call: NOT_READY, come again. Every other error is ours, and null here.
 */
import { Problem } from '../common/problem.ts';

export function problemOf(error: unknown): Problem | null {
  if (error instanceof Problem) return error;
  const passing = error instanceof Error ? passingReason(error) : null;
  return passing === null ? null : new Problem('NOT_READY', passing);
}

/** As pg, Node and Prisma tell it; Prisma wraps what the other two said. */
interface Told extends Error {
  readonly code?: unknown;
  readonly meta?: { readonly driverAdapterError?: { readonly cause?: { readonly originalCode?: unknown } } };
}

const AWAY = 'the database does not answer';
const FULL = 'the database has no room or no connection left';
const MET = 'another change was in the way';

/** First of them that fits; by the start of SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), Node's or Prisma's code. */
const BY_CODE: readonly (readonly [RegExp, string])[] = [
  [/^(08...|57P..|E(CONNREFUSED|CONNRESET|PIPE|TIMEDOUT|AI_AGAIN|HOSTUNREACH))$/, AWAY],
  [/^53...$/, FULL],
  [/^(40001|40P01|55P03)$/, MET],
  // Not reached, timed out, closed; the pool gave none in time.
  [/^P(1001|1002|1008|1017|2024)$/, AWAY],
  // A transaction that was not begun or not ended in time; a deadlock.
  [/^P(2028|2034)$/, MET],
];

/** What pg and its pool say without a code. */
const BY_TEXT =
  /^(Connection terminated|Client (has encountered a connection error|was closed)|timeout exceeded when trying to connect|connect ENOENT |NOT_READY: Postgres at )/;

/** Out of range, not of its type, or text that cannot be stored. */
const UNFIT = /^(22003|2200[78]|22021|22P0[25])$/;

/** A value that came with the call, and that no schema refused: the caller can send another. */
export function isUnfit(error: unknown): boolean {
  return error instanceof Error && codesOf(error).some((code) => UNFIT.test(code));
}

/** Postgres itself is away or full: whatever is tried next fails as well. */
export function isAway(error: unknown): boolean {
  const reason = error instanceof Error ? passingReason(error) : null;
  return reason === AWAY || reason === FULL;
}

/**
 * A value that does not fit, a broken constraint, a row that is too large, as SQLSTATE says it; a row that is not there or a value that
 * can't be read, as Prisma does; an argument that Node refuses.
 */
const OF_DATA = /^(2[23]...|54...|P20(0[0-7]|1[1-9]|2[035]|33)|ERR_(INVALID_ARG|OUT_OF_RANGE|BUFFER|CRYPTO|OSSL)\w*)$/;

/**
 * Would it come again wherever these data are tried, and with others not? True of errors that come from our own code, false of whatever
 * Postgres as a whole has: away, full, read-only, another schema. Blame no Mac for those.
 */
export function isOfData(error: unknown): boolean {
  if (!(error instanceof Error) || problemOf(error)?.code === 'NOT_READY') return false;
  const [code] = codesOf(error);
  return code === undefined || OF_DATA.test(code) || error instanceof Problem;
}

function passingReason(error: Told): string | null {
  for (const code of codesOf(error)) {
    const known = BY_CODE.find(([pattern]) => pattern.test(code));
    if (known !== undefined) return known[1];
  }
  return BY_TEXT.test(lastLine(error.message)) ? AWAY : null;
}

/** What Postgres said comes first. */
function codesOf({ meta, code }: Told): readonly string[] {
  return [meta?.driverAdapterError?.cause?.originalCode, code].filter((one) => typeof one === 'string');
}

/** What went wrong, in one line: Prisma puts its own call, with its values, before what was said. */
export function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1)?.trim() ?? '';
}
