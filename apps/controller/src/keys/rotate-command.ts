/** headroom-controller rotate-grant-key and rotate-webhook-key: a new key, which those who trust the old one can move to. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Problem } from '../common/problem.ts';
import { KeyStore, type KeysPlace } from './key-store.ts';

export const ROTATE_USAGE = `headroom-controller rotate-grant-key [--state-dir DIR] [--keys-dir DIR]
  Makes a new key for grants. Running controllers take it over within a sweep, Macs with their next check-in.
headroom-controller retire-grant-key KEY-ID [--state-dir DIR] [--keys-dir DIR]
  Ends a grant key that was stolen: the present one, which came after it, says that it is believed no more. Controllers and Macs
  take that over by themselves; what it signed covers nothing from then on, and exceptions ask to be signed again.
headroom-controller rotate-webhook-key [--state-dir DIR] [--keys-dir DIR]
  Makes a new key for webhooks. The old one signs beside it for 7 days: until then receivers take the new one.`;

const OPTIONS = {
  'state-dir': { type: 'string', default: '.headroom-controller' },
  'keys-dir': { type: 'string' },
} as const;

export async function rotateGrantKey(args: readonly string[]): Promise<string> {
  const { keyId, previousKeys } = await KeyStore.rotateGrantKey(readPlace(args));
  return `${JSON.stringify({ keyId, signedBy: previousKeys.at(-1)?.keyId ?? null })}\n`;
}

export async function retireGrantKey(args: readonly string[]): Promise<string> {
  const [keyId, ...rest] = args;
  if (keyId === undefined || keyId.startsWith('-'))
    throw new Problem('VALIDATION_FAILED', `Which key? Its id comes first.\n${ROTATE_USAGE}`);
  const now = new Date();
  const key = await KeyStore.retireGrantKey(readPlace(rest), keyId, now);
  const wasKnown = key.previousKeys.some((one) => one.keyId === keyId);
  return `${JSON.stringify({ retired: keyId, signedBy: key.keyId, wasKnown })}\n`;
}

export async function rotateWebhookKey(args: readonly string[]): Promise<string> {
  const now = new Date();
  const [present, before] = (await KeyStore.rotateWebhookKey(readPlace(args), now)).publicKeys(now);
  return `${JSON.stringify({ publicKey: present?.publicKey, previous: before?.publicKey, previousUntil: before?.until })}\n`;
}

function readPlace(args: readonly string[]): KeysPlace {
  try {
    const { values } = parseArgs({ args: [...args], options: OPTIONS, strict: true });
    const keysDir = values['keys-dir'] === undefined ? null : resolve(values['keys-dir']);
    return { stateDir: resolve(values['state-dir']), keysDir };
  } catch (error) {
    throw new Problem('VALIDATION_FAILED', `${(error as Error).message}\n${ROTATE_USAGE}`);
  }
}
