import { EXTRA_ARGS_ALLOWED, parseQuota, QUOTA_MAX } from '@headroom/core';
import { z } from 'zod';
import { Problem } from '../common/problem.ts';
import { exceptionInput } from '../exceptions/exceptions.ts';
import { selectorInput } from './selector.ts';
import { strategyInput } from './strategy-input.ts';

const quotaInput = z
  .union([z.string().max(40), z.number().max(QUOTA_MAX * 2)])
  .describe('"stock", a decimal number (255) or hex ("0xFF"): macOS guests alive at once on one Mac.');

export const revisionInput = z.strictObject({
  quota: quotaInput,
  extraArgs: z
    .array(z.string().max(200))
    .max(16)
    .default([])
    .describe(`Boot arguments beyond the quota's own. Allowed: ${Object.keys(EXTRA_ARGS_ALLOWED).join(' ')}`),
  selector: selectorInput,
  priority: z
    .number()
    .int()
    .min(-1000)
    .max(1000)
    .default(0)
    .describe('Between policies that select the same Mac the higher one holds it, then the older policy.'),
  strategy: strategyInput.nullable().default(null).describe('How its rollouts go. Null = one ring, at once.'),
  exception: exceptionInput
    .optional()
    .describe('Needed to apply a quota above stock: approves it for the Macs selected at this moment.'),
  apply: z.boolean().default(false).describe('true = also set the intent of every selected Mac, now.'),
});
export type RevisionInput = z.output<typeof revisionInput>;

export const policyInput = revisionInput.extend({
  name: z.string().trim().min(1).max(100),
});

export const applyInput = z.strictObject({
  exception: exceptionInput.optional().describe('A new approval, for the Macs selected at this moment.'),
});

/** Refuses quotas that the kernel would read differently from a person, with the reason. */
export function readQuota(input: string | number): number {
  const parsed = parseQuota(input);
  if (parsed.ok) return parsed.quota;
  throw new Problem('QUOTA_INVALID', parsed.reason);
}

/** A policy chooses from the compiled-in list; nobody adds to it from outside. */
export function checkExtraArgs(extraArgs: readonly string[]): readonly string[] {
  const words = extraArgs.filter((word) => !Object.hasOwn(EXTRA_ARGS_ALLOWED, word));
  if (words.length > 0)
    throw new Problem('BOOT_ARGS_NOT_ALLOWED', `Not on the allow-list: ${words.join(' ')}.`, { words });
  return [...new Set(extraArgs)].sort();
}
