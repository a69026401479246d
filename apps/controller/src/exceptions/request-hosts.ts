/** The Macs that an approval would cover, with a digest of them: who approves says which ones were shown, and no other is covered. */
import { createHash } from 'node:crypto';
import { Problem } from '../common/problem.ts';
import type { CoveredHost } from './exceptions.ts';

/** Names told when the Macs changed. */
const TOLD_MAX = 5;

/** Says how many, and tells two sets apart. */
export function hostsDigest(hosts: readonly CoveredHost[]): string {
  const ids = hosts.map(({ id }) => id).sort();
  return `${ids.length}-${createHash('sha256').update(ids.join()).digest('base64url').slice(0, 22)}`;
}

export interface ShownHosts {
  readonly exceptionId: string;
  /** What the approver sent. */
  readonly digest: string;
  /** When it was asked for. */
  readonly askedHostIds: readonly string[];
}

export function requireShown({ exceptionId, digest, askedHostIds }: ShownHosts, now: readonly CoveredHost[]): void {
  const present = hostsDigest(now);
  if (digest === present) return;
  const ids = now.map(({ id }) => id);
  const joined = ids.filter((id) => !askedHostIds.includes(id));
  const left = askedHostIds.filter((id) => !ids.includes(id));
  throw new Problem(
    'EXCEPTION_HOSTS_CHANGED',
    `Expected the Macs of digest ${digest}, seen ${ids.length} of digest ${present}. Since it was asked for, joined: ${told(joined)}; left: ${told(left)}.`,
    { exceptionId, digest: present, joined: joined.slice(0, TOLD_MAX), left: left.slice(0, TOLD_MAX) },
  );
}

function told(ids: readonly string[]): string {
  if (ids.length === 0) return 'none';
  const more = ids.length > TOLD_MAX ? ` and ${ids.length - TOLD_MAX} more` : '';
  return `${ids.slice(0, TOLD_MAX).join(', ')}${more}`;
}
