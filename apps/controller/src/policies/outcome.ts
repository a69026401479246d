import { z } from 'zod';

/** What creating, revising or applying a policy answers. */
export const policyOutcome = z.object({
  policyId: z.uuid(),
  revisionId: z.uuid(),
  exceptionId: z.uuid().nullable(),
  rolloutId: z.uuid().nullable(),
  hosts: z.number().int().describe('Macs that the policy holds now.'),
  heldByOthers: z.number().int().describe('Macs that it selects and a policy of higher standing holds.'),
  unknown: z.number().int().describe('Macs that keep their intent, as a fact that would decide is unknown.'),
  leaverRolloutIds: z.array(z.uuid()).readonly().describe('Rollouts of Macs that it held before and lets go of.'),
  waitsFor: z.string().nullable().describe('What a person has to do before anything moves.'),
});
