/** Reading: a value that a macOS tool told us, or the reason why it is unknown. A parser never guesses and never defaults. */
export type Reading<T> = { readonly ok: true; readonly value: T } | Unknown;

export interface Unknown {
  readonly ok: false;
  readonly reason: string;
  /** The tool went over its time limit: it may answer another time. */
  readonly timedOut?: true;
}

export function known<T>(value: T): Reading<T> {
  return { ok: true, value };
}

export function unknown(reason: string): Unknown {
  return { ok: false, reason };
}

/** The value or, where it is not known, null. */
export function valueOrNull<T>(reading: Reading<T>): T | null {
  return reading.ok ? reading.value : null;
}

/** What is read in the first text or, when it holds nothing of the kind, in the other. The reason is that of the first. */
export function firstReading<T>(texts: readonly [string, string], parse: (text: string) => Reading<T>): Reading<T> {
  const reading = parse(texts[0]);
  const other = reading.ok ? reading : parse(texts[1]);
  return other.ok ? other : reading;
}

/** One part of a reading; `null` from `select` means that the tool did not say it. */
export function part<T, U>(reading: Reading<T>, select: (value: T) => U | null, missing: string): Reading<U> {
  if (!reading.ok) return reading;
  const value = select(reading.value);
  return value === null ? unknown(missing) : known(value);
}
