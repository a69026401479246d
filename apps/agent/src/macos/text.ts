/** Text helpers for parsers: what macOS tools print differs in line ends, blanks, banners and invisible marks. */
import { firstLine } from './runner.ts';

const LINE_CHARS_MAX = 4096;
/** Nobody's form, so that a list with such a line is not taken for whole. */
const TOO_LONG = '(a line longer than any of a Mac)';

/**
 * Lines without CR, NUL, byte order mark and the isolate marks that diskutil puts around names. Blanks stay.
 * One that is longer than any of a Mac says nothing: patterns that look for an end would look for it too long.
 */
export function linesOf(text: string): readonly string[] {
  const lines = text.replace(/[\0\uFEFF\u2066-\u2069]/g, '').split(/\r\n|\r|\n/);
  return lines.map((line) => (line.length > LINE_CHARS_MAX ? TOO_LONG : line));
}

/** The first line in which the pattern is found. Line by line, as blanks of a pattern would else run through all lines that are empty. */
export function matchIn(lines: readonly string[], pattern: RegExp): RegExpExecArray | null {
  for (const line of lines) {
    const match = pattern.exec(line);
    if (match !== null) return match;
  }
  return null;
}

/** A short quotation for a reason: the first line that is not blank. */
export function quote(...texts: readonly string[]): string {
  const line = firstLine(texts.join('\n'));
  return line === '' ? 'nothing printed' : JSON.stringify(line.slice(0, 160));
}

/** UUID in upper case, or null when the text is none. */
export function uuidOf(text: unknown): string | null {
  const UUID = /^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/;
  return typeof text === 'string' && UUID.test(text.trim()) ? text.trim().toUpperCase() : null;
}

/** A macOS build: 24B82, 23A5301h, 23B2082, 22F770820d. */
export const BUILD_PATTERN = /^[1-9][0-9][A-Z][0-9]{1,6}[a-z]?$/;

/** Lines that may begin a JSON value and that are tried: log lines begin with a bracket, too. */
const STARTS_MAX = 20;
/** Lines that may end it and that are tried, the last first. */
const ENDS_MAX = 5;
/** A line's last bracket. One with more of the same value after it is the end of a part. */
const END = /[}\]](?=[^\S\n]*$)(?!\s*[}\],])/gm;

/** The JSON value in a text that may have lines before and after it; undefined when there is none. */
export function jsonIn(printed: string): unknown {
  // Only ends of lines are changed: a string in JSON holds none.
  const text = printed.replace(/\r\n?/g, '\n');
  const last = Math.max(text.lastIndexOf('}'), text.lastIndexOf(']'));
  const earlier = [...text.matchAll(END)].map(({ index }) => index).filter((index) => index < last);
  const ends = [last, ...earlier.reverse().slice(0, ENDS_MAX)];
  const starts = [...text.matchAll(/^[^\S\n]*[{[]/gm)].slice(0, STARTS_MAX);
  for (const { index } of starts) {
    for (const end of ends) {
      try {
        return JSON.parse(text.slice(index, end + 1));
      } catch {
        // A log line, or a value that is cut: the next lines that may end or begin one are tried.
      }
    }
  }
  return undefined;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
