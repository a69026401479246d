/** The whole table, in the order in which a visit goes. */
import { boot } from './boot.ts';
import { entry } from './entry.ts';
import { later } from './later.ts';
import { revert } from './revert.ts';
import type { ScenarioGroup } from './scenario.ts';
import { steps } from './steps.ts';
import { volumes } from './volumes.ts';

export const SCENARIOS: readonly ScenarioGroup[] = [entry, volumes, steps, boot, later, revert];

/** Wanted, and not played here. */
export const NOT_PLAYED: readonly { readonly name: string; readonly why: string }[] = [
  { name: 'delay after many wrong passwords', why: 'its length and words are not known' },
];
