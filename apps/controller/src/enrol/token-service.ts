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
