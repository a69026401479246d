import { Problem } from '../common/problem.ts';
import type { Tx } from '../db/database.ts';
import type { VisitRecord } from './locked-visit.ts';

/** $1 host. The grant under which it is wanted raised; no row when it is not. */
export const CONSENT = `
  SELECT g.revoked_at AS "revokedAt", g.expires_at AS "expiresAt" FROM intent i JOIN "grant" g ON g.id = i.grant_id
  WHERE i.host_id = $1::uuid`;

interface Consent {
  readonly revokedAt: Date | null;
  readonly expiresAt: Date;
}

/**
 * Nobody is shown the code of a raise that nobody consents to any more, whether or not the Mac was evaluated since. With the host
 * locked, so that a revocation comes before this or after it.
 */
export async function requireConsent(tx: Tx, { hostId, expiresAt: kitEndsAt }: VisitRecord, now: Date): Promise<void> {
  const [consent] = await tx.$queryRawUnsafe<Consent[]>(CONSENT, hostId);
  if (consent === undefined)
    throw new Problem('GRANT_MISSING', 'No grant stands behind what is wanted of this Mac now: nothing is raised.');
  const { revokedAt, expiresAt } = consent;
  if (revokedAt !== null)
    throw new Problem('GRANT_REVOKED', `The consent for this visit was revoked at ${revokedAt.toISOString()}.`);
  const endsAt = [expiresAt, kitEndsAt ?? expiresAt].find((one) => one <= now);
  if (endsAt !== undefined)
    throw new Problem('GRANT_EXPIRED', `The consent for this visit ended at ${endsAt.toISOString()}.`);
}
