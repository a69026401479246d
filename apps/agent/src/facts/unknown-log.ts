/**
 * Collects why a fact is null. Every null that stands for "could not be read" passes through here, so that none goes without its reason.
 * Guarantee: no text is longer than any of a Mac: a controller refuses facts as a whole for one that is.
 */
import type { Reading } from '../macos/reading.ts';

const REASON_CHARS_MAX = 400;
const TEXT_CHARS_MAX = 4096;
const TOO_LONG = `it is longer than ${TEXT_CHARS_MAX} characters, which nothing of this kind is`;

export class UnknownLog {
  private readonly reasons = new Map<string, string>();

  /** The value of a reading; null, with its reason noted at `path`, when it is unknown. */
  take<T>(path: string, reading: Reading<T>): T | null {
    if (!reading.ok) return this.note(path, reading.reason);
    return isTooLong(reading.value) ? this.note(path, TOO_LONG) : reading.value;
  }

  /** A list whose items have facts that may be unknown by themselves; `describe` gets the path of each, as `kdks[0]`. */
  items<T, U>(path: string, reading: Reading<readonly T[]>, describe: (item: T, at: string) => U): readonly U[] | null {
    return this.take(path, reading)?.map((item, index) => describe(item, `${path}[${index}]`)) ?? null;
  }

  /** A field of a reading; `missing` is the reason when the tool printed all else but this. */
  field<T, K extends keyof T>(path: string, reading: Reading<T>, key: K, missing: string): NonNullable<T[K]> | null {
    if (!reading.ok) return this.note(path, reading.reason);
    const value = reading.value[key] ?? null;
    if (value === null) return this.note(path, missing);
    return isTooLong(value) ? this.note(path, TOO_LONG) : value;
  }

  note(path: string, reason: string): null {
    this.reasons.set(path, reason.slice(0, REASON_CHARS_MAX));
    return null;
  }

  /** A second source for a fact that the first one did not give: its value, if any, takes the noted reason away. */
  replace<T>(path: string, value: T | null): T | null {
    if (value !== null) this.reasons.delete(path);
    return value;
  }

  /** Sorted by path, so that equal facts are equal texts. */
  toRecord(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.reasons].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** Any text in it, however deep. */
function isTooLong(value: unknown): boolean {
  if (typeof value === 'string') return value.length > TEXT_CHARS_MAX;
  return typeof value === 'object' && value !== null && Object.values(value).some(isTooLong);
}
