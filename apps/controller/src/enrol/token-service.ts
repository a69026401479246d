/** Makes enrolment tokens. Only the sha256 of a secret is stored: a token is shown once and cannot be read again. */
import { randomBytes } from 'node:crypto';
import { Clock } from '../common/clock.ts';
import { uuidv7 } from '../common/ids.ts';
import { Problem } from '../common/problem.ts';
import { Database, writeAudit } from '../db/database.ts';
import { KeyStore } from '../keys/key-store.ts';
import { formatToken, secretSha256 } from './token-text.ts';

const USES_MAX = 100_000;
const LABEL = /^[A-Za-z0-9][A-Za-z0-9._:/=-]{0,62}$/;
const LABELS_MAX = 32;

export interface TokenOrder {
  /** Given to each host that enrols with it. */
  readonly labels: readonly string[];
  readonly uses: number;
  readonly expiresAt: Date;
  /** Who asked, as in the audit: `token:<name>`. */
  readonly actor: string;
}

export interface NewToken {
  readonly id: string;
  /** `id.secret.<sha256 of the CA>`; the only time that the secret is seen. */
  readonly text: string;
}

export class TokenService {
  constructor(
    private readonly database: Database,
    private readonly keys: KeyStore,
    private readonly clock: Clock,
  ) {}

  async create(order: TokenOrder): Promise<NewToken> {
    const now = this.clock.now();
    checkOrder(order, now);
    const { siteId } = this.database;
    const id = uuidv7(now.getTime());
    const secret = randomBytes(32).toString('base64url');
    const { labels, uses, expiresAt, actor } = order;
    await this.database.transaction(async (tx) => {
      await tx.enrolToken.create({
        data: {
          id,
          siteId,
          secretSha256: secretSha256(secret),
          usesLeft: uses,
          labels: [...labels],
          createdBy: actor,
          createdAt: now,
          expiresAt,
        },
      });
      const after = { labels: [...labels], uses, expiresAt: expiresAt.toISOString() };
      await writeAudit(tx, {
        actor,
        action: 'enrol_token.create',
        entity: 'enrol_token',
        entityId: id,
        after,
        at: now,
        siteId,
      });
    });
    return { id, text: formatToken({ id, secret }, this.keys.caFingerprint) };
  }

  /** Its time ends now. A Mac that it let in before may still ask again for the answer that it lost. Repeating it changes nothing. */
  async revoke(id: string, actor: string): Promise<void> {
    const at = this.clock.now();
    const { siteId } = this.database;
    await this.database.transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM enrol_token WHERE id = ${id}::uuid FOR UPDATE`;
      const token = await tx.enrolToken.findUnique({ where: { id } });
      if (token === null) throw new Problem('NOT_FOUND', `There is no enrolment token ${id}.`);
      const { usesLeft, expiresAt } = token;
      if (expiresAt <= at) return;
      await tx.enrolToken.update({ where: { id }, data: { expiresAt: at } });
      const change = { entity: 'enrol_token', entityId: id, before: { usesLeft, expiresAt: expiresAt.toISOString() } };
      const after = { expiresAt: at.toISOString() };
      await writeAudit(tx, { actor, action: 'enrol_token.revoke', ...change, after, at, siteId });
    });
  }
}

function checkOrder({ labels, uses, expiresAt }: TokenOrder, now: Date): void {
  if (!Number.isInteger(uses) || uses < 1 || uses > USES_MAX)
    throw new Problem('VALIDATION_FAILED', `uses: expected a whole number from 1 to ${USES_MAX}, seen ${uses}`);
  if (!(expiresAt.getTime() > now.getTime()))
    throw new Problem('VALIDATION_FAILED', `expiresAt: expected a time after ${now.toISOString()}`);
  const wrong = labels.find((label) => !LABEL.test(label));
  if (wrong !== undefined) throw new Problem('VALIDATION_FAILED', `labels: ${JSON.stringify(wrong)} is not a label`);
  if (labels.length > LABELS_MAX) throw new Problem('VALIDATION_FAILED', `labels: expected at most ${LABELS_MAX}`);
}
