/**
 * Enrolment token: `id.secret.fingerprint`. The fingerprint (sha256 of the CA certificate's DER) lets the Mac know its controller
 * before it says the secret; it never travels back.
 */
import { readFileSync } from 'node:fs';
import { EnrolError } from './enrol-error.ts';

export interface EnrolToken {
  readonly id: string;
  /** `id.secret`: what the controller gets. */
  readonly credential: string;
  /** Lower-case hex. */
  readonly caFingerprint: string;
}

const TOKEN = /^([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{1,128})\.([0-9a-fA-F]{64})$/;

export interface TokenSources {
  readonly argument: string | undefined;
  /** Path, or `-` for stdin. */
  readonly file: string | undefined;
  readonly environment: string | undefined;
}

/** A file or the environment is better than an argument, which every process on the Mac can see. */
export function readToken({ argument, file, environment }: TokenSources): EnrolToken {
  const text = file === undefined ? (argument ?? environment) : readFileSync(file === '-' ? 0 : file, 'utf8');
  if (text === undefined)
    throw new EnrolError(
      'TOKEN_MISSING',
      'no token was given',
      'give it by --token-file FILE (- is stdin) or HEADROOM_TOKEN',
    );
  return parseToken(text.trim());
}

/** The token's text is never part of an error. */
export function parseToken(text: string): EnrolToken {
  const [, id, secret, fingerprint] = TOKEN.exec(text) ?? [];
  if (id === undefined || secret === undefined || fingerprint === undefined)
    throw new EnrolError('TOKEN_INVALID', 'expected id.secret.fingerprint', 'copy the token whole, or make a new one');
  return { id, credential: `${id}.${secret}`, caFingerprint: fingerprint.toLowerCase() };
}
