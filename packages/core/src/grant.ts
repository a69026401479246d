/**
 * Grant: the signed consent without which no agent lowers anything. It names hosts, the highest quota, the exact extra
 * arguments and the expiry; it is signed (Ed25519) over exactly the bytes that are stored and sent.
 */
import { bootArgKey, isForbiddenArg } from './boot-args.ts';
import { QUOTA_MAX, QUOTA_STOCK } from './quota.ts';

/** The longest life of a grant that a Mac believes in: whoever got hold of a key can't sign consent for ever. */
export const GRANT_DAYS_MAX = 366;
const DAY_MS = 86_400_000;

export interface GrantPayload {
  readonly schemaVersion: 1;
  readonly grantId: string;
  readonly fleetId: string;
  /** Hardware UUIDs, frozen at approval; upper case, sorted. */
  readonly hostUuids: readonly string[];
  readonly quotaMax: number;
  /** Arguments beyond the quota's own (see boot-args.ts), exact words, sorted. */
  readonly extraArgs: readonly string[];
  readonly notBefore: string;
  readonly expiresAt: string;
  /** sha256 of the text that the approver was shown. */
  readonly shownTextSha256: string;
  readonly approver: string;
  readonly purpose: string;
  /** true = works on simulated Macs only; a simulated Mac accepts no other. */
  readonly simulation: boolean;
}

/** `payload` is the canonical JSON text that was signed; never re-serialised before checking. */
export interface SignedGrant {
  readonly payload: string;
  /** Base64 Ed25519 signature over the UTF-8 bytes of `payload`. */
  readonly signature: string;
  readonly keyId: string;
}

export interface GrantUse {
  readonly fleetId: string;
  readonly hostUuid: string;
  readonly quota: number;
  readonly extraArgs: readonly string[];
  readonly now: Date;
  readonly simulated: boolean;
}

export type GrantRefusal =
  | 'GRANT_MISSING'
  | 'GRANT_UNREADABLE'
  | 'GRANT_SIGNATURE_WRONG'
  | 'GRANT_KEY_RETIRED'
  | 'GRANT_OTHER_FLEET'
  | 'GRANT_OTHER_HOST'
  | 'GRANT_QUOTA_EXCEEDED'
  | 'GRANT_ARGS_EXCEEDED'
  | 'GRANT_NOT_YET_VALID'
  | 'GRANT_EXPIRED'
  | 'GRANT_TOO_LONG'
  | 'GRANT_SIMULATION_MISMATCH';

export type GrantCheck =
  | { readonly ok: true; readonly grant: GrantPayload }
  | { readonly ok: false; readonly code: GrantRefusal; readonly expected: string; readonly seen: string };

/** Ed25519 check, given by the caller: core has no crypto of its own. `retired` = this key is believed no more, whatever it signed. */
export type VerifySignature = (payload: string, signatureBase64: string, keyId: string) => boolean | 'retired';

/** Keys in a fixed order, so that the same consent always has the same bytes. */
export function encodeGrant(grant: GrantPayload): string {
  return JSON.stringify({
    schemaVersion: 1,
    grantId: grant.grantId,
    fleetId: grant.fleetId,
    hostUuids: [...grant.hostUuids].map((uuid) => uuid.toUpperCase()).sort(),
    quotaMax: grant.quotaMax,
    extraArgs: [...grant.extraArgs].sort(),
    notBefore: grant.notBefore,
    expiresAt: grant.expiresAt,
    shownTextSha256: grant.shownTextSha256,
    approver: grant.approver,
    purpose: grant.purpose,
    simulation: grant.simulation,
  });
}

/**
 * Decides whether this signed grant allows this use, now. The signature is checked before anything in the payload is believed.
 * Comparisons are written so that what is not a number or not a time is refused. A forbidden argument stays forbidden
 * even if a grant names it.
 */
export function checkGrant(signed: SignedGrant | null, use: GrantUse, verify: VerifySignature): GrantCheck {
  if (signed === null) return refuse('GRANT_MISSING', 'a signed grant', 'none');
  const verified = verify(signed.payload, signed.signature, signed.keyId);
  if (verified === 'retired')
    return refuse('GRANT_KEY_RETIRED', 'a signature by a grant key that is still believed', `key ${signed.keyId}`);
  if (!verified)
    return refuse('GRANT_SIGNATURE_WRONG', 'a signature by the grant key pinned on this Mac', `key ${signed.keyId}`);
  const grant = decodeGrant(signed.payload);
  if (grant === null) return refuse('GRANT_UNREADABLE', 'a grant payload, schema 1', signed.payload.slice(0, 80));
  return checkScope(grant, use);
}

function checkScope(grant: GrantPayload, use: GrantUse): GrantCheck {
  const hostUuid = use.hostUuid.toUpperCase();
  const extra = use.extraArgs.filter((arg) => !grant.extraArgs.includes(arg) || isForbiddenArg(bootArgKey(arg)));
  if (grant.simulation !== use.simulated)
    return refuse(
      'GRANT_SIMULATION_MISMATCH',
      use.simulated ? 'a simulation grant, as this is a simulated Mac' : 'a grant for real Macs',
      grant.simulation ? 'a simulation grant' : 'a grant for real Macs',
    );
  if (grant.fleetId !== use.fleetId) return refuse('GRANT_OTHER_FLEET', use.fleetId, grant.fleetId);
  if (!grant.hostUuids.some((uuid) => uuid.toUpperCase() === hostUuid))
    return refuse('GRANT_OTHER_HOST', hostUuid, `${grant.hostUuids.length} other host(s)`);
  if (!(use.quota <= grant.quotaMax))
    return refuse('GRANT_QUOTA_EXCEEDED', `at most ${grant.quotaMax}`, String(use.quota));
  if (extra.length > 0)
    return refuse('GRANT_ARGS_EXCEEDED', `only: ${grant.extraArgs.join(' ') || '(none)'}`, extra.join(' '));
  const now = use.now.getTime();
  if (!(now >= Date.parse(grant.notBefore)))
    return refuse('GRANT_NOT_YET_VALID', `from ${grant.notBefore}`, showTime(use.now));
  if (!(now < Date.parse(grant.expiresAt)))
    return refuse('GRANT_EXPIRED', `before ${grant.expiresAt}`, showTime(use.now));
  if (!(Date.parse(grant.expiresAt) - Date.parse(grant.notBefore) <= GRANT_DAYS_MAX * DAY_MS))
    return refuse('GRANT_TOO_LONG', `at most ${GRANT_DAYS_MAX} days`, `${grant.notBefore} to ${grant.expiresAt}`);
  return { ok: true, grant };
}

/** A clock that gives no time must end in a refusal, not in an exception. */
function showTime(time: Date): string {
  return Number.isNaN(time.getTime()) ? 'no valid time' : time.toISOString();
}

function refuse(code: GrantRefusal, expected: string, seen: string): GrantCheck {
  return { ok: false, code, expected, seen };
}

function decodeGrant(payload: string): GrantPayload | null {
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch {
    return null;
  }
  return isGrant(value) ? value : null;
}

function isGrant(value: unknown): value is GrantPayload {
  if (typeof value !== 'object' || value === null) return false;
  const grant = value as Record<string, unknown>;
  const strings = ['grantId', 'fleetId', 'notBefore', 'expiresAt', 'shownTextSha256', 'approver', 'purpose'];
  return (
    grant['schemaVersion'] === 1 &&
    strings.every((key) => typeof grant[key] === 'string') &&
    !Number.isNaN(Date.parse(String(grant['notBefore']))) &&
    !Number.isNaN(Date.parse(String(grant['expiresAt']))) &&
    isQuota(grant['quotaMax']) &&
    isStrings(grant['hostUuids']) &&
    isStrings(grant['extraArgs']) &&
    typeof grant['simulation'] === 'boolean'
  );
}

function isQuota(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= QUOTA_STOCK && Number(value) <= QUOTA_MAX;
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
