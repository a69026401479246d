/** Four eyes are two people's: an approval counts only from a token that has nothing to do with the one that asked. */
import { Problem } from '../common/problem.ts';
import type { Tx } from '../db/database.ts';

/** A caller, by its token. */
export interface TokenHolder {
  readonly tokenId: string | null;
  readonly name: string;
}

export interface Requester {
  readonly requestedBy: string | null;
  /** Null in requests of earlier releases: then any token of the name may be the one. */
  readonly requestedById: string | null;
}

/** $1 the approver's token, $2 the requester's, $3 its name where the token is not known. How the one comes from the other. */
const LINE = `
  WITH RECURSIVE requester AS (
    SELECT id FROM api_token WHERE id = $2::uuid OR ($2::uuid IS NULL AND 'token:' || name = $3)),
  above AS (
    SELECT t.id, t.made_by, 0 AS steps FROM api_token t JOIN requester r ON r.id = t.id
    UNION SELECT t.id, t.made_by, a.steps + 1 FROM api_token t JOIN above a ON a.made_by = t.id),
  approver AS (
    SELECT t.id, t.made_by FROM api_token t WHERE t.id = $1::uuid
    UNION SELECT t.id, t.made_by FROM api_token t JOIN approver a ON a.made_by = t.id)
  SELECT EXISTS (SELECT 1 FROM requester WHERE id = $1::uuid) AS "isSame",
    EXISTS (SELECT 1 FROM above WHERE id = $1::uuid) AS "isMaker",
    EXISTS (SELECT 1 FROM approver JOIN requester USING (id)) AS "isMade",
    (SELECT 'token:' || t.name FROM above JOIN approver USING (id) JOIN api_token t USING (id) ORDER BY above.steps LIMIT 1)
      AS "commonMaker"`;

interface Line {
  readonly isSame: boolean;
  readonly isMaker: boolean;
  readonly isMade: boolean;
  readonly commonMaker: string | null;
}

const UNKNOWN: Line = { isSame: false, isMaker: false, isMade: false, commonMaker: null };

/**
 * Gives the token that made both, or null. Two that a third one made pass, as an admin makes everybody's: that they are two people's
 * is the word of whoever held that third, so it stands with the exception and in the ledger.
 */
export async function requireApart(
  tx: Tx,
  { requestedBy, requestedById }: Requester,
  by: TokenHolder,
): Promise<string | null> {
  const [line = UNKNOWN] = await tx.$queryRawUnsafe<Line[]>(LINE, by.tokenId, requestedById, requestedBy);
  const why = whyNot(line, requestedBy, by.name);
  if (why !== null) throw new Problem('APPROVER_IS_REQUESTER', why, { requestedBy });
  return line.commonMaker;
}

function whyNot({ isSame, isMaker, isMade }: Line, requestedBy: string | null, approver: string): string | null {
  if (isSame || requestedBy === approver) return `${approver} asked for this exception.`;
  if (isMade)
    return `${approver} was made by ${requestedBy}, which asked for this exception, or by a token of its making.`;
  return isMaker
    ? `${approver} made the token ${requestedBy}, which asked for this exception, or one that made it.`
    : null;
}
