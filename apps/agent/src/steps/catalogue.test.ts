/** What the agent's hello says is what a controller of this release asks of an agent. */
import { ABILITIES } from '@headroom/core';
import { expect, it } from 'vitest';
import { CAPABILITIES } from './catalogue.ts';

it('can do all that core names, and says it', () => {
  expect([...CAPABILITIES].sort()).toEqual([...ABILITIES].sort());
});
