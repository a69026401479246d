/** What a person sees: one line per Mac, drawn again in a terminal, or one plain line per change elsewhere. */
import type { HostDetail } from './api-client.ts';

export interface MacLine {
  readonly name: string;
  readonly what: string;
  readonly host: HostDetail | null;
}

const HEADINGS = ['MAC', 'SYSTEM', 'STATE', 'EVIDENCE', 'WAITS FOR'] as const;

function cells({ name, what, host }: MacLine): readonly string[] {
  if (host === null) return [name, what, 'not enrolled', '', 'its agent to enrol'];
  return [name, what, stateText(host), evidenceText(host), waitsForText(host)];
}

/** "raised (configured)" = all is set up for it; "raised (witnessed)" = guests were counted, too. */
export function stateText({ state, proof }: HostDetail): string {
  const words = state.replaceAll('_', ' ');
  return proof === null ? words : `${words} (${proof})`;
}

/**
 * "8/8" = pieces of evidence that hold, of all that *raised* needs; empty when none was looked at yet. Of a raised Mac also how
 * many guests somebody counted on it, which alone shows that the kernel heeds the quota.
 */
export function evidenceText({ evidence, proof, witness }: HostDetail): string {
  if (evidence.length === 0) return '';
  const held = `${evidence.filter(({ holds }) => holds === true).length}/${evidence.length}`;
  if (proof === null) return held;
  return `${held}, ${witness === null ? 'no guests counted' : `${witness.macosGuests} guests counted`}`;
}

/** As a sentence, with what it takes. */
export function witnessText({ witness }: HostDetail): string {
  return witness === null
    ? 'Not witnessed: nobody has counted more than two macOS guests alive at once in this boot.'
    : `Witnessed: ${witness.macosGuests} macOS guests were counted alive at once in this boot.`;
}

function waitsForText({ state, waitsFor, findings }: HostDetail): string {
  const blocker = findings.find(({ severity }) => severity === 'blocker');
  if (waitsFor !== null) return waitsFor;
  if (state !== 'raised' && blocker !== undefined) return `${blocker.title}: ${blocker.nextStep}`;
  return '';
}

/** The table as lines, columns aligned, no line wider than `width` characters. */
export function renderTable(lines: readonly MacLine[], width: number): readonly string[] {
  const rows = [HEADINGS, ...lines.map(cells)];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) => {
    const text = row
      .map((cell, column) => (column === HEADINGS.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ');
    return text.length > width ? `${text.slice(0, Math.max(0, width - 3))}...` : text.trimEnd();
  });
}

/** Shows the fleet; `show` may be called as often as wanted. */
export class Screen {
  private drawn = 0;
  private readonly last = new Map<string, string>();

  constructor(private readonly out: NodeJS.WriteStream) {}

  show(lines: readonly MacLine[]): void {
    if (this.out.isTTY) this.redraw(renderTable(lines, this.out.columns));
    else this.showChanges(lines);
  }

  /** A line that stays, above the table. */
  say(text: string): void {
    this.clear();
    this.out.write(`${text}\n`);
  }

  private redraw(table: readonly string[]): void {
    this.clear();
    this.out.write(`${table.join('\n')}\n`);
    this.drawn = table.length;
  }

  private clear(): void {
    if (this.drawn > 0) this.out.write(`\x1b[${this.drawn}A\x1b[0J`);
    this.drawn = 0;
  }

  private showChanges(lines: readonly MacLine[]): void {
    for (const line of lines) {
      const [name, what, state, evidence, waitsFor] = cells(line);
      const text = [state, evidence && `evidence ${evidence}`, waitsFor].filter(Boolean).join(' - ');
      if (this.last.get(line.name) === text) continue;
      this.last.set(line.name, text);
      this.out.write(`${name} (${what}): ${text}\n`);
    }
  }
}
