/**
 * Arguments without which a development kernel does not start at all, by variant and by the systems whose builds begin so. They have
 * to be stored before such a kernel is installed. A row rests on what its source says, and on nothing that we guess of others.
 */
import { parseBootArgs } from './boot-args.ts';

export interface NeededArgRow {
  readonly word: string;
  readonly variant: string;
  /** Number that begins the builds of these systems: 23 for macOS 14. */
  readonly buildsFrom: number;
  /** What happens without it. */
  readonly symptom: string;
  readonly source: string;
}

export const NEEDED_ARGS: readonly NeededArgRow[] = [
  {
    word: '-unsafe_kernel_text',
    variant: 'T6000',
    buildsFrom: 23,
    symptom: 'Development kernels of macOS 14 on M1 Pro, Max and Ultra panic at start: amcc_rorgn_ppl_amcc.c:550.',
    source: 'Public reports of 14.x development kernels on T6000, which name the argument as the cure; not seen by us.',
  },
];

export function neededArgs({
  build,
  variant,
}: {
  readonly build: string;
  readonly variant: string;
}): readonly NeededArgRow[] {
  const major = Number.parseInt(build, 10);
  return NEEDED_ARGS.filter((row) => row.buildsFrom === major && row.variant === variant.toUpperCase());
}

/** Those of the rows whose word a line lacks. */
export function missingFrom(line: string, rows: readonly NeededArgRow[]): readonly NeededArgRow[] {
  const words = parseBootArgs(line).map(({ word }) => word);
  return rows.filter(({ word }) => !words.includes(word));
}
