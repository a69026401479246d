/** Counts that made a raise witnessed are kept with the build and variant that they speak for. */
import { uuidv7 } from '../common/ids.ts';
import type { Tx } from '../db/database.ts';
import type { Answer } from './answer.ts';
import { STORE_WITNESSED } from './evaluator-sql.ts';

export async function storeWitnessed(tx: Tx, answers: readonly Answer[], siteId: string, now: Date): Promise<void> {
  const rows = answers.filter(isNew).map(({ input: { hostId, facts }, evaluation: { witness } }) => ({
    id: uuidv7(now.getTime()),
    host_id: hostId,
    boot_session_id: witness?.bootSessionId.toUpperCase(),
    macos_guests: witness?.macosGuests,
    source: witness?.source,
    said_by: witness?.by,
    build: facts?.os.baseBuild,
    variant: facts?.kernel.variant,
  }));
  if (rows.length > 0) await tx.$executeRawUnsafe(STORE_WITNESSED, JSON.stringify(rows), siteId, now);
}

function isNew({ input: { before }, evaluation: { witness } }: Answer): boolean {
  const known = before.remembered.witness ?? null;
  if (witness === null) return false;
  return known?.bootSessionId !== witness.bootSessionId || known.macosGuests !== witness.macosGuests;
}
