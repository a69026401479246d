/**
 * The end of an exception, moved near. One lasts for days at least, so the grant that a Mac is raised under is signed anew with the
 * controller's own key, as it would have been for an exception asked for so long before; all that follows is the controller's doing.
 */
import type { SignedGrant } from '@headroom/core';
import type { FleetMember } from '@headroom/quickstart';
import { Attacker } from './attacker.ts';
import type { TestFleet } from './fleet.ts';

interface GrantRow {
  readonly id: string;
  readonly exception: string;
  readonly payload: string;
  readonly signature: string;
  readonly key: string;
}

/** Gives the exception's id. */
export async function endExceptionAt(fleet: TestFleet, { hostId }: FleetMember, end: Date): Promise<string> {
  const [row] = await fleet.sql<GrantRow>(
    `SELECT g.id, g.exception_id AS exception, g.payload, g.signature, g.key_id AS key
     FROM intent i JOIN "grant" g ON g.id = i.grant_id WHERE i.host_id = $1`,
    [hostId],
  );
  if (row === undefined) throw new Error('the Mac is raised under no grant');
  const { id, exception, payload, signature, key: keyId } = row;
  const expiresAt = end.toISOString();
  const grant: SignedGrant = new Attacker(fleet).misuse({ payload, signature, keyId }, { expiresAt });
  await fleet.sql(
    `WITH moved AS (UPDATE risk_exception SET expires_at = $3 WHERE id = $2)
     UPDATE "grant" SET expires_at = $3, payload = $4, signature = $5 WHERE id = $1`,
    [id, exception, expiresAt, grant.payload, grant.signature],
  );
  return exception;
}
