/**
 * Sheets: pages that a person holds in the hand, as data; the run sheet of a visit and the break-glass page are two. Here they
 * become plain text, in the controller also HTML.
 * Guarantee: a value from outside is one line of bounded length without control characters, so that it can neither fake a line
 * nor push the page over its end.
 */
export interface Sheet {
  readonly title: string;
  /** Which Mac and what else has to be known at a glance. */
  readonly about: readonly (readonly [label: string, value: string])[];
  readonly sections: readonly SheetSection[];
  readonly footer: string;
  /** Address of the page about this Mac; where it can be drawn, it is a QR code. Absent = there is none to show. */
  readonly link?: string | null;
}

export interface SheetSection {
  readonly title: string;
  /** true = to be done in this order. */
  readonly numbered: boolean;
  readonly items: readonly SheetItem[];
}

/** A sentence; lines to type as they stand; or what the screen says and what to do then. */
export type SheetItem =
  | string
  | { readonly text: string; readonly type: readonly string[] }
  | { readonly when: string; readonly answer: string };

const VALUE_CHARS_MAX = 60;
const TEXT_COLUMNS = 100;

/** A value from outside as it may stand on a sheet; `unknown` in words where there is none. */
export function sheetValue(value: string | null | undefined, max = VALUE_CHARS_MAX): string {
  // Controls end lines; format characters (bidi marks, zero width) make a text look like another one.
  const line = [...(value ?? '').replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]+/gu, ' ').trim()];
  if (line.length === 0) return 'not known';
  return line.length <= max ? line.join('') : `${line.slice(0, max - 1).join('')}…`;
}

/** A list of values: the first few, and how many more there are. */
export function sheetList(values: readonly string[], shown = 4): string {
  const more = values.length - shown;
  const text = values
    .slice(0, shown)
    .map((value) => sheetValue(value, 30))
    .join(', ');
  return more > 0 ? `${text} and ${more} more` : text;
}

export function sheetText({ title, about, sections, footer }: Sheet): string {
  const width = Math.max(0, ...about.map(([label]) => label.length)) + 2;
  const lines = [
    title.toUpperCase(),
    '',
    ...about.flatMap(([label, value]) => wrap(value, label.padEnd(width))),
    ...sections.flatMap((section) => [
      '',
      section.title,
      ...section.items.flatMap((item, index) => itemLines(section, item, index)),
    ]),
    '',
    ...wrap(footer, ''),
  ];
  return `${lines.join('\n')}\n`;
}

function itemLines({ numbered }: SheetSection, item: SheetItem, index: number): readonly string[] {
  const mark = numbered ? `${index + 1}. `.padStart(5) : '   - ';
  if (typeof item === 'string') return wrap(item, mark);
  if ('when' in item) return wrap(`${item.when} -> ${item.answer}`, mark);
  // A line to type is never broken: half of a command is another command.
  return [...wrap(item.text, mark), ...item.type.map((line) => `         ${line}`)];
}

/** Lines of at most TEXT_COLUMNS, the first one behind `mark`, the others under it. */
function wrap(text: string, mark: string): readonly string[] {
  const lines: string[] = [];
  let line = mark;
  for (const word of text.split(' ')) {
    if (line.length > mark.length && line.length + 1 + word.length > TEXT_COLUMNS) {
      lines.push(line);
      line = ' '.repeat(mark.length);
    }
    line += line.length === mark.length ? word : ` ${word}`;
  }
  return [...lines, line];
}
