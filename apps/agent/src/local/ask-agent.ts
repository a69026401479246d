/** What a command asks of the agent that runs on this Mac, over its socket. */
import { request } from 'node:http';
import type { Mac } from '../mac.ts';
import { SOCKET_FILE } from '../paths.ts';

const TIMEOUT_MS = 10_000;

export interface AgentAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Null = nobody answers there as the agent does: it does not run, or its socket could not be made. */
export function askAgent(mac: Mac, method: 'GET' | 'POST', path: string, body: unknown): Promise<AgentAnswer | null> {
  return new Promise((resolve) => {
    const asked = request({ socketPath: mac.path(SOCKET_FILE), method, path, timeout: TIMEOUT_MS }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += String(chunk);
      });
      response.on('error', () => resolve(null));
      response.on('end', () => resolve(answerOf(response.statusCode ?? 0, text)));
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(null));
    asked.end(JSON.stringify(body));
  });
}

function answerOf(status: number, text: string): AgentAnswer | null {
  try {
    return { status, body: JSON.parse(text) };
  } catch {
    return null;
  }
}
