/**
 * What each agent says of the grant keys that it believes, kept so that an admin sees which Macs have heard of a retirement. Nothing is
 * written before the fleet has had a second key, nor when an agent says what it said before.
 */
import type { CheckInRequest } from '@headroom/proto';
import { Clock } from '../common/clock.ts';
import { Database, writeAudit } from '../db/database.ts';
import type { GrantKey } from '../keys/grant-key.ts';

const KEY_ID = /^[0-9a-f]{16}$/;

export class ToldKeys {
  /** What this process knows to be stored, by host. */
  private readonly stored = new Map<string, string>();

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly grantKey: Pick<GrantKey, 'rotations' | 'retirements'>,
  ) {}

  /** An agent that does not name its key is an older one, and says nothing. */
  async note(hostId: string, request: Pick<CheckInRequest, 'grantKeyId' | 'retiredGrantKeyIds'>): Promise<void> {
    const { rotations, retirements } = this.grantKey;
    const { grantKeyId } = request;
    if (rotations.length + retirements.length === 0 || grantKeyId === undefined || !KEY_ID.test(grantKeyId)) return;
    const retired = retirements.map(({ keyId }) => keyId).filter((keyId) => request.retiredGrantKeyIds.includes(keyId));
    const said = [grantKeyId, ...retired].join(' ');
    if (this.stored.get(hostId) === said) return;
    await this.store(hostId, grantKeyId, retired);
    this.stored.set(hostId, said);
  }

  private async store(hostId: string, grantKeyId: string, retiredGrantKeyIds: readonly string[]): Promise<void> {
    const { siteId } = this.database;
    await this.database.transaction(async (tx) => {
      const [before] = await tx.$queryRaw<object[]>`
        SELECT grant_key_id AS "grantKeyId", retired_grant_key_ids AS "retiredGrantKeyIds" FROM host_report
        WHERE host_id = ${hostId}::uuid
          AND (grant_key_id, retired_grant_key_ids) IS DISTINCT FROM (${grantKeyId}, ${[...retiredGrantKeyIds]}::text[]) FOR UPDATE`;
      if (before === undefined) return;
      const after = { grantKeyId, retiredGrantKeyIds: [...retiredGrantKeyIds] };
      await tx.hostReport.update({ where: { hostId }, data: after });
      const about = { entity: 'host', entityId: hostId, before, after, at: this.clock.now(), siteId };
      await writeAudit(tx, { actor: `host:${hostId}`, action: 'host.grant_keys', ...about });
    });
  }
}
