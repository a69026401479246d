/**
 * Opens the keys that a database rests on. A lost or mistaken keys folder is told before anything is served: with new keys every
 * Mac would be refused, and nobody would see why.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../common/clock.ts';
import { logger } from '../common/log.ts';
import type { ControllerConfig } from '../config/config.ts';
import { type Database, writeAudit } from '../db/database.ts';
import { type KeyOptions, KeyStore, notOfFleet } from './key-store.ts';

const log = logger('keys');

type OpenKeysConfig = Pick<ControllerConfig, 'stateDir' | 'keysDir' | 'publicHost'> & {
  /** The old keys are gone for good: Macs enrol again, exceptions are approved again. */
  readonly acceptNewKeys?: boolean;
};

interface Signed {
  readonly certificatePem: string | null;
  readonly grantKeyId: string | null;
}

/** The newest of each that still counts. */
const NEWEST = `
  SELECT (SELECT pem FROM certificate WHERE revoked_at IS NULL AND not_after > $1 ORDER BY issued_at DESC LIMIT 1)
      AS "certificatePem",
    (SELECT key_id FROM "grant" WHERE revoked_at IS NULL AND expires_at > $1 ORDER BY created_at DESC LIMIT 1)
      AS "grantKeyId"`;

export async function openKeys(
  config: OpenKeysConfig,
  clock: Clock,
  database: Database,
  options: KeyOptions = {},
): Promise<KeyStore> {
  const { rows } = await database.pool.query<Signed>(NEWEST, [clock.now()]);
  const signed = rows[0] ?? { certificatePem: null, grantKeyId: null };
  const restsOnKeys = signed.certificatePem !== null || signed.grantKeyId !== null;
  const accept = config.acceptNewKeys === true;
  const keys = await KeyStore.open(config, clock, { ...options, mayCreate: accept || !restsOnKeys });
  const wrong = mismatch(keys, signed);
  if (wrong === null) return keys;
  if (!accept) throw notOfFleet(wrong);
  await forget(database, keys, clock.now());
  log('new keys were accepted: every Mac must enrol again, and every exception be approved again');
  return keys;
}

function mismatch(keys: KeyStore, { certificatePem, grantKeyId }: Signed): string | null {
  if (certificatePem !== null && !keys.hasIssued(certificatePem))
    return `The CA with sha256 ${keys.caFingerprint} did not issue the newest certificate in the database (sha256 ${sha256(certificatePem)}).`;
  const known = knownGrantKeys(keys);
  if (grantKeyId !== null && !known.includes(grantKeyId))
    return `The newest grant in the database was signed by the key ${grantKeyId}; the folder holds ${known.join(', ')}.`;
  return null;
}

/** What the lost keys signed is worth nothing any more, and says so. */
async function forget(database: Database, keys: KeyStore, at: Date): Promise<void> {
  const { siteId, fleetId } = database;
  const foreign = { revokedAt: null, keyId: { notIn: [...knownGrantKeys(keys)] } };
  await database.transaction(async (tx) => {
    const certificates = await tx.certificate.findMany({
      where: { revokedAt: null },
      select: { serial: true, pem: true },
    });
    const serials = certificates.filter(({ pem }) => !keys.hasIssued(pem)).map(({ serial }) => serial);
    await tx.certificate.updateMany({ where: { serial: { in: serials } }, data: { revokedAt: at } });
    const { count: grants } = await tx.grant.updateMany({ where: foreign, data: { revokedAt: at } });
    await tx.hostState.updateMany({ data: { dueAt: at } });
    await writeAudit(tx, {
      actor: 'system:start',
      action: 'keys.accept_new',
      entity: 'fleet',
      entityId: fleetId,
      after: {
        caFingerprint: keys.caFingerprint,
        grantKeyId: keys.grantKey.keyId,
        certificates: serials.length,
        grants,
      },
      at,
      siteId,
    });
  });
}

function knownGrantKeys({ grantKey }: KeyStore): readonly string[] {
  return [grantKey.keyId, ...grantKey.previousKeys.map(({ keyId }) => keyId)];
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
