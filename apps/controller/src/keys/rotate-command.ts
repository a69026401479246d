/** headroom-controller rotate-grant-key: a new key for grants, signed by the old one, so that Macs believe it. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Problem } from '../common/problem.ts';
import { KeyStore } from './key-store.ts';

export const ROTATE_USAGE = `headroom-controller rotate-grant-key [--state-dir DIR] [--keys-dir DIR]
  Makes a new key for grants. Running controllers take it over within a sweep, Macs with their next check-in.`;

export async function rotateGrantKey(args: readonly string[]): Promise<string> {
  const options = {
    'state-dir': { type: 'string', default: '.headroom-controller' },
    'keys-dir': { type: 'string' },
  } as const;
  const { keyId, previousKeys } = await KeyStore.rotateGrantKey(read());
  return `${JSON.stringify({ keyId, signedBy: previousKeys.at(-1)?.keyId ?? null })}\n`;

  function read() {
    try {
      const { values } = parseArgs({ args: [...args], options, strict: true });
      const keysDir = values['keys-dir'] === undefined ? null : resolve(values['keys-dir']);
      return { stateDir: resolve(values['state-dir']), keysDir };
    } catch (error) {
      throw new Problem('VALIDATION_FAILED', `${(error as Error).message}\n${ROTATE_USAGE}`);
    }
  }
}
