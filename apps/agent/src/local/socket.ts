/**
 * Local status socket, for root on this Mac: `GET /status`, and `POST /witness {macosGuests, source, bootSession}`.
 * Guarantee: reachable by root only (its folder is 0700), bounded input, and nothing that changes the Mac can be asked for here.
 */
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Log } from '../log.ts';
import type { Mac } from '../mac.ts';
import { SOCKET_FILE } from '../paths.ts';
import type { StatusFile } from '../state/status-file.ts';
import { takeWitness } from './take-witness.ts';

const BODY_BYTES_MAX = 4096;
const TIMEOUT_MS = 5000;
const CONNECTIONS_MAX = 16;

export interface LocalPorts {
  readonly mac: Mac;
  readonly status: StatusFile;
  /** Called when a witness was taken. */
  readonly onWitness: () => void;
  readonly log: Log;
}

/** Listens until the function given back is called. A socket that cannot be made costs only itself. */
export async function openLocalSocket(ports: LocalPorts): Promise<() => Promise<void>> {
  const path = ports.mac.path(SOCKET_FILE);
  await rm(path, { force: true });
  const server = createServer((request, response) => {
    answer(request, ports).then(
      ([status, body]) => send(response, status, body),
      (error: unknown) => send(response, 500, { problem: String(error) }),
    );
  });
  server.requestTimeout = TIMEOUT_MS;
  server.maxConnections = CONNECTIONS_MAX;
  server.on('error', (error) => ports.log(`local socket: ${error.message}`));
  server.listen(path);
  return async () => {
    server.close();
    server.closeAllConnections();
    await rm(path, { force: true });
  };
}

async function answer(
  request: IncomingMessage,
  { mac, status, onWitness, log }: LocalPorts,
): Promise<readonly [number, unknown]> {
  const what = `${request.method} ${request.url}`;
  if (what === 'GET /status') return [200, JSON.parse(status.text())];
  if (what !== 'POST /witness') return [404, { problem: 'expected GET /status or POST /witness' }];
  const body = await bodyOf(request);
  if (body === null) return [413, { problem: `expected JSON of at most ${BODY_BYTES_MAX} bytes` }];
  const taken = await takeWitness(mac, body);
  if (typeof taken === 'string') return [422, { problem: taken }];
  onWitness();
  log(`witness: ${taken.macosGuests} macOS guests, says ${taken.source}`);
  return [200, taken];
}

/** null = too long, or no JSON. */
async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > BODY_BYTES_MAX) return null;
  }
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(`${JSON.stringify(body)}\n`);
}
