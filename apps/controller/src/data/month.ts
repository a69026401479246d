/** Calendar months in UTC, the unit in which history is kept. Pure. */

/** Months since year 0: 2026-11 is 2026 * 12 + 10. */
export type Month = number;

export function monthOf(at: Date): Month {
  return at.getUTCFullYear() * 12 + at.getUTCMonth();
}

export function startOf(month: Month): Date {
  return new Date(Date.UTC(Math.floor(month / 12), month % 12, 1));
}

/** 2026_11 */
export function nameOf(month: Month): string {
  return `${Math.floor(month / 12)}_${String((month % 12) + 1).padStart(2, '0')}`;
}

/** The month in the name of a partition (`audit_2026_11`); null for any other table, DEFAULT included. */
export function monthInName(table: string, partition: string): Month | null {
  const [, year, month] = new RegExp(`^${table}_(\\d{4})_(0[1-9]|1[0-2])$`).exec(partition) ?? [];
  return year === undefined || month === undefined ? null : Number(year) * 12 + Number(month) - 1;
}
