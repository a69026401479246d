/** What a Mac sends to enrol, checked: the shape, and the proof that it holds the private key it asks a certificate for. */
import { createHash, verify } from 'node:crypto';
import { z } from 'zod';
import { Problem } from '../common/problem.ts';
import { readPublicKey } from './public-key.ts';
import { parseToken, type TokenSecret } from './token-text.ts';

/** Printable text: names and serials are shown to people and written to logs. */
const line = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\p{Cf}]*$/u);

const Body = z.strictObject({
  token: z.string().max(200),
  hostUuid: z.string().regex(/^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/),
  serial: line(64).nullish(),
  model: line(64).nullish(),
  name: line(128).nullish(),
  publicKeyPem: z.string().max(1024),
  proof: z.base64().max(256),
  agentVersion: line(64),
  simulated: z.boolean(),
});

export interface EnrolRequest {
  readonly token: TokenSecret;
  /** Upper case. */
  readonly hostUuid: string;
  readonly serial: string | null;
  readonly model: string | null;
  readonly name: string | null;
  /** As sent; goes into the certificate. */
  readonly publicKeyPem: string;
  /** sha256 hex of the key's SPKI: the same key is told again by it, however its PEM is wrapped. */
  readonly publicKeySha256: string;
  readonly agentVersion: string;
  readonly simulated: boolean;
}

/** Throws a Problem that names the first field that is wrong. */
export function readEnrolRequest(json: unknown): EnrolRequest {
  const parsed = Body.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw invalid(issue?.path.join('.') || 'body', issue?.message ?? 'not an object');
  }
  const body = parsed.data;
  const token = parseToken(body.token);
  if (token === null) throw new Problem('TOKEN_INVALID', 'token: expected `id.secret`');
  const key = readPublicKey(body.publicKeyPem);
  const signed = ['headroom-enrol-1', token.id, body.hostUuid, body.publicKeyPem].join('|');
  if (!verify('sha256', Buffer.from(signed, 'utf8'), key, Buffer.from(body.proof, 'base64')))
    throw invalid('proof', 'expected an ECDSA-SHA256 signature by the private key that belongs to publicKeyPem');
  return {
    token,
    hostUuid: body.hostUuid.toUpperCase(),
    serial: body.serial ?? null,
    model: body.model ?? null,
    name: body.name ?? null,
    publicKeyPem: body.publicKeyPem,
    publicKeySha256: createHash('sha256')
      .update(key.export({ type: 'spki', format: 'der' }))
      .digest('hex'),
    agentVersion: body.agentVersion,
    simulated: body.simulated,
  };
}

function invalid(field: string, problem: string): Problem {
  return new Problem('VALIDATION_FAILED', `${field}: ${problem}`, { field });
}
