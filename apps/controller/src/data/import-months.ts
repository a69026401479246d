/**
 * The months that rows of an import fall into, made before they come. In DEFAULT they would be moved when a controller starts, a whole
 * month at a time, and until then every new row of that table would wait.
 */
import type pg from 'pg';
import { quoted } from './catalogue.ts';
import { HISTORY_TABLES, MONTHS_AHEAD } from './history.ts';
import { type Month, monthOf, nameOf, startOf } from './month.ts';

/** Far above what is kept. What clocks that were wrong wrote beyond goes to DEFAULT, where the controller looks. */
const MONTHS_MAX = 60;

export class ImportMonths {
  private readonly looked = new Set<Month>();

  constructor(
    private readonly client: pg.ClientBase,
    private readonly table: string,
    private readonly exportedAt: Date,
  ) {}

  /** Call it with the lines of a batch before it is loaded. */
  async makeFor(lines: readonly string[]): Promise<void> {
    if (!HISTORY_TABLES.some((one) => one === this.table)) return;
    for (const line of lines) {
      const { at } = JSON.parse(line) as { at?: string };
      const month = monthOf(new Date(at ?? Number.NaN));
      if (!this.looked.has(month)) await this.make(month);
      this.looked.add(month);
    }
  }

  private async make(month: Month): Promise<void> {
    const newest = monthOf(this.exportedAt) + MONTHS_AHEAD;
    if (!(month <= newest && month > newest - MONTHS_MAX)) return;
    const [from, to] = [startOf(month).toISOString(), startOf(month + 1).toISOString()];
    await this.client.query(`
      CREATE TABLE IF NOT EXISTS ${quoted(`${this.table}_${nameOf(month)}`)} PARTITION OF ${quoted(this.table)}
      FOR VALUES FROM ('${from}') TO ('${to}')`);
  }
}
