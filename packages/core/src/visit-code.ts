/**
 * Visit code: 10 Crockford characters = 25 random bits known only to the controller until the visit is opened, then 25 bits
 * of md5 over everything the visit may change. It stops the wrong Mac, a changed kernel collection and a visit that is not
 * open; it does not stop root on that Mac, who can change the script. md5 because recoveryOS has no shasum.
 * The same computation stands in POSIX sh in apps/agent/kit/raise; a test holds both together.
 */

export const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
export const VISIT_CODE_LENGTH = 10;

export interface VisitCodeInput {
  /** 5 Crockford characters. */
  readonly random: string;
  /** Lower-case hex md5 of the kernel collection file. */
  readonly kcMd5: string;
  /** Hardware UUID, upper case. */
  readonly hostUuid: string;
  readonly quota: number;
  /** The exact boot-args line that the kit will try to store. */
  readonly bootArgs: string;
  /** ISO time of the grant's end. */
  readonly expiresAt: string;
}

/** md5 of the UTF-8 bytes of a text as lower-case hex, given by the caller. */
export type Md5 = (text: string) => string;

const RANDOM_PART = new RegExp(`^[${CROCKFORD}]{5}$`);

/** The whole code, e.g. `7Q2MZ4K0TX`. Throws when the random part is not one that `visitRandom` makes. */
export function visitCode(input: VisitCodeInput, md5: Md5): string {
  if (!RANDOM_PART.test(input.random))
    throw new RangeError('A visit code needs 5 Crockford characters of random bits.');
  return input.random + crockford25(md5(visitCodeText(input)));
}

/** What is hashed: one line, fields parted by `|`. */
export function visitCodeText({ random, kcMd5, hostUuid, quota, bootArgs, expiresAt }: VisitCodeInput): string {
  return ['headroom-visit-1', random, kcMd5.toLowerCase(), hostUuid.toUpperCase(), quota, bootArgs, expiresAt].join(
    '|',
  );
}

/** The first 25 bits of a hex digest as 5 characters. Throws on what is not hex: `00000` would be a code for everything. */
export function crockford25(hex: string): string {
  if (!/^[0-9a-fA-F]{7}/.test(hex)) throw new RangeError('A digest needs at least 7 hex digits.');
  const bits = Number.parseInt(hex.slice(0, 7), 16) >>> 3;
  return [20, 15, 10, 5, 0].map((shift) => CROCKFORD[(bits >>> shift) & 31] ?? '0').join('');
}

/** 25 random bits as 5 characters; `random` holds at least 4 random bytes. */
export function visitRandom(random: Uint8Array): string {
  if (random.length < 4) throw new RangeError('A visit code needs 4 random bytes.');
  const [a = 0, b = 0, c = 0, d = 0] = random;
  return crockford25([a, b, c, d].map((byte) => byte.toString(16).padStart(2, '0')).join(''));
}
