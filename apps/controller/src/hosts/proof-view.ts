/** How far a raise is proven, and what has gone of a proof: as people see it beside the evidence. */
import { EVIDENCE_IDS } from '@headroom/core';
import { z } from 'zod';
import { isoDate } from '../api/paging.ts';
import type { Remembered } from '../evaluator/host-input.ts';

export const proofView = {
  witness: z
    .object({
      macosGuests: z.number().int(),
      bootSessionId: z.string(),
      source: z.string(),
      by: z.string().describe('A token, or `agent`.'),
      at: z.string(),
    })
    .nullable()
    .describe('What makes the raise witnessed, for the present boot; null = configured only, or not raised.'),
  provenObject: z
    .object({ kcUuid: z.string(), customKernel: z.string(), at: isoDate })
    .nullable()
    .describe('The custom kernel of the boot policy that a boot has proven to be ours.'),
  drift: z
    .array(
      z.object({
        id: z.enum(EVIDENCE_IDS),
        title: z.string(),
        path: z.string(),
        was: z.string(),
        seen: z.string(),
        at: isoDate,
      }),
    )
    .describe('Evidence that held while it was raised and does not any more: what was, what is, first seen when.'),
};

export function showProof({ witness = null, memory }: Partial<Remembered>) {
  return { witness, provenObject: memory?.provenObject ?? null, drift: [...(memory?.drift ?? [])] };
}
