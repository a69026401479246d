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
  {
    name: 'Recovery Lock',
    why: 'asks its password before the Terminal; the simulated recoveryOS begins at the Terminal',
  },
  { name: 'delay after many wrong passwords', why: 'its length and words are not known' },
  { name: 'kit path made as a link first', why: 'refused when the kit is placed; tested there, not in a visit' },
  { name: 'Data full while configure-boot copies', why: 'the simulated kmutil writes to the disk of this machine' },
  { name: 'boot argument line too long', why: 'refused when the line is planned; tested there' },
  { name: 'unlock awaited twice', why: 'seen by the controller as silence; no step of a visit' },
  { name: 'Migration Assistant clone', why: 'concerns identities of agents, no step of a visit' },
];
