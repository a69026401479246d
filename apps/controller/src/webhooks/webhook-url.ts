import { isIPv4 } from 'node:net';

export const URL_CHARS_MAX = 1000;

/** Why a message must not be sent to this address; null = it may. */
export function urlProblem(text: string): string | null {
  if (!URL.canParse(text)) return 'is no URL';
  const { protocol, hostname, username, password, hash } = new URL(text);
  if (username !== '' || password !== '') return 'must not hold a name or a password: they would be stored and shown';
  if (hash !== '') return 'must not have a part after #';
  if (protocol === 'https:') return null;
  if (protocol === 'http:' && isLoopback(hostname)) return null;
  return 'must begin with https://; http:// is for a receiver on this machine only (localhost, 127.0.0.1, [::1])';
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'));
}
