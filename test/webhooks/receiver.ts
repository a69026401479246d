/** A receiver as its owner would write it: plain HTTP on loopback, and signatures checked with node:crypto and the public key alone. */
import { createPublicKey, verify } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: {
    readonly type: string;
    readonly timestamp: string;
    readonly data: Readonly<Record<string, unknown>> & { readonly host?: Readonly<Record<string, unknown>> };
  };
}

type Answer = (response: ServerResponse, received: Received) => void;

export class Receiver {
  readonly all: Received[] = [];
  /** Requests that are open now. */
  open = 0;
  answer: Answer = ok;

  private constructor(private readonly server: Server) {}

  static async start(port = 0): Promise<Receiver> {
    const server = createServer();
    const receiver = new Receiver(server);
    server.on('request', (request, response) => {
      receiver.open += 1;
      response.once('close', () => {
        receiver.open -= 1;
      });
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('error', () => {});
      request.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const id = String(request.headers['webhook-id']);
        const received = { id, headers: request.headers, text, body: JSON.parse(text) };
        receiver.all.push(received);
        receiver.answer(response, received);
      });
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/headroom`;
  }

  of(type: string): readonly Received[] {
    return this.all.filter(({ body }) => body.type === type);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

export const ok: Answer = (response) => response.writeHead(204).end();

export function status(code: number, text = '', headers: Record<string, string> = {}): Answer {
  return (response) => response.writeHead(code, headers).end(text);
}

/** How many of the signatures were made by this key (`whpk_...`) over exactly what came. */
export function signaturesBy(publicKey: string, { headers, text }: Received): number {
  const raw = Buffer.from(publicKey.replace(/^whpk_/, ''), 'base64');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' });
  const signed = Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${text}`);
  return String(headers['webhook-signature'])
    .split(' ')
    .filter((one) => one.startsWith('v1a,') && verify(null, signed, key, Buffer.from(one.slice(4), 'base64'))).length;
}
