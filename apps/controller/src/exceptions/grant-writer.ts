import { encodeGrant } from '@headroom/core';
import { uuidv7 } from '../common/ids.ts';
import type { Database, Tx } from '../db/database.ts';
import type { GrantSigner } from './grant-signer.ts';

/** So that a Mac whose clock is a little behind accepts a grant at once. */
const CLOCK_SKEW_MS = 5 * 60_000;
/** A plan carries its whole grant: an exception for many Macs is signed in parts, so that each stays a few KB. */
const HOSTS_PER_GRANT = 100;

export interface GrantOrder {
  readonly exceptionId: string;
  readonly hardwareUuids: readonly string[];
  readonly quotaMax: number;
  /** Of the clause that whoever asked accepted. */
  readonly shownTextSha256: string;
  readonly extraArgs: readonly string[];
  readonly expiresAt: Date;
  readonly approver: string;
  readonly purpose: string;
  readonly now: Date;
}

/** Signs the consent of an approved exception: these hosts and no others, for ever. Returns the ids of the grants. */
export class GrantWriter {
  constructor(
    private readonly database: Database,
    private readonly key: GrantSigner,
    private readonly simulation: boolean,
  ) {}

  async write(tx: Tx, order: GrantOrder): Promise<readonly string[]> {
    const grants = inChunks(order.hardwareUuids, HOSTS_PER_GRANT).map((some) => this.signed(order, some));
    await tx.grant.createMany({ data: grants });
    return grants.map(({ id }) => id);
  }

  private signed(order: GrantOrder, hostUuids: readonly string[]) {
    const { exceptionId, quotaMax, extraArgs, expiresAt, approver, purpose, now } = order;
    const { fleetId, siteId } = this.database;
    const id = uuidv7(now.getTime());
    const payload = encodeGrant({
      schemaVersion: 1,
      grantId: id,
      fleetId,
      hostUuids,
      quotaMax,
      extraArgs: [...new Set(extraArgs)],
      notBefore: new Date(now.getTime() - CLOCK_SKEW_MS).toISOString(),
      expiresAt: expiresAt.toISOString(),
      shownTextSha256: order.shownTextSha256,
      approver,
      purpose,
      simulation: this.simulation,
    });
    const { keyId } = this.key;
    return { id, siteId, exceptionId, payload, signature: this.key.sign(payload), keyId, createdAt: now, expiresAt };
  }
}

function inChunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
