/** Enrolment as the agent does it, with a key made here. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { request } from 'node:https';
import { findPinnedCa } from '../../apps/agent/src/enrol/pinned-ca.ts';

export interface SyntheticIdentity {
  readonly hostId: string;
  readonly agentUrl: string;
  readonly caPem: string;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** `token` as the API gave it: id.secret.CA fingerprint. */
export async function enrol(enrolUrl: string, token: string, hostUuid: string): Promise<SyntheticIdentity> {
  const [id = '', secret = '', caFingerprint = ''] = token.split('.');
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const signed = `headroom-enrol-1|${id}|${hostUuid}|${publicKeyPem}`;
  const ca = await findPinnedCa(new URL(enrolUrl), caFingerprint);
  const reply = await post(new URL('/enrol', enrolUrl), ca.toString(), {
    token: `${id}.${secret}`,
    hostUuid,
    name: `synthetic-${hostUuid.slice(0, 8)}`,
    publicKeyPem,
    proof: sign('sha256', Buffer.from(signed), privateKey).toString('base64'),
    agentVersion: '0.1.0',
    simulated: true,
  });
  const { hostId, agentUrl, caPem, certificatePem } = reply as unknown as SyntheticIdentity;
  const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { hostId, agentUrl, caPem, certificatePem, privateKeyPem };
}

function post(url: URL, ca: string, body: object): Promise<Record<string, unknown>> {
  const bytes = Buffer.from(JSON.stringify(body));
  const headers = { 'content-type': 'application/json', 'content-length': bytes.length };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', ca, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        if (response.statusCode === 200) resolve(JSON.parse(text) as Record<string, unknown>);
        else reject(new Error(`enrolment: ${response.statusCode} ${text}`));
      });
    });
    sent.once('error', reject);
    sent.end(bytes);
  });
}
