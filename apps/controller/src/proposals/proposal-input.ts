import { z } from 'zod';
import { exceptionInput } from '../exceptions/exceptions.ts';
import { revisionInput } from '../policies/policy-input.ts';

export const proposalInput = z.strictObject({
  policyId: z
    .uuid()
    .nullable()
    .default(null)
    .describe('The policy in question. Null = all policies as they are applied now.'),
  revision: revisionInput
    .omit({ exception: true, apply: true })
    .nullable()
    .default(null)
    .describe('A revision that does not exist yet. Null = the newest one of the policy.'),
});
export type ProposalInput = z.output<typeof proposalInput>;

export const applyProposalInput = z.strictObject({
  exception: exceptionInput.optional().describe('A new approval, for the Macs held at this moment.'),
});
