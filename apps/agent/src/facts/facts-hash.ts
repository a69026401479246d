/**
 * Hash by which unchanged facts are told, so that they are not sent again. Left out, because they move by themselves:
 * - `disk.freeBytes` counts in steps of 4 GiB: a change that matters to a KDK or a kernel collection still shows.
 * - `boot.time`: the kernel moves it whenever the clock is set; a new boot shows in `boot.sessionId`.
 * Everything else counts, `unknown` with its reasons too.
 */
import { createHash } from 'node:crypto';
import type { Facts } from '@headroom/core';

const FREE_STEP_BYTES = 4 * 1024 ** 3;

export function factsSha256(facts: Facts): string {
  return createHash('sha256')
    .update(stableJson(withoutVolatile(facts)))
    .digest('hex');
}

function withoutVolatile(facts: Facts): unknown {
  const { freeBytes } = facts.disk;
  return {
    ...facts,
    disk: { freeSteps: freeBytes === null ? null : Math.floor(freeBytes / FREE_STEP_BYTES) },
    boot: { sessionId: facts.boot.sessionId, ordinal: facts.boot.ordinal },
  };
}

/** JSON with sorted keys: the order in which facts were put together does not count. */
function stableJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
