/**
 * Errors of which it is known that nothing was committed: they came up before COMMIT was sent. Whoever catches one may do the work
 * again; of any other error that is not Postgres's own refusal nobody knows.
 */
const KNOWN = new WeakSet<object>();

/** Marks it, and hands it back to be thrown. */
export function undone<E>(error: E): E {
  if (typeof error === 'object' && error !== null) KNOWN.add(error);
  return error;
}

/** Of work in several transactions, some of which were committed before: it may not be done again as a whole. */
export function partlyDone<E>(error: E): E {
  if (typeof error === 'object' && error !== null) KNOWN.delete(error);
  return error;
}

export function isKnownUndone(error: unknown): boolean {
  return typeof error === 'object' && error !== null && KNOWN.has(error);
}
