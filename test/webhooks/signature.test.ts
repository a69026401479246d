/** What docs/webhooks.md tells receivers to do is run here, word for word, against messages that the product signed. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rotateWebhookKey } from '../../apps/controller/src/keys/rotate-command.ts';
import { OVERLAP_DAYS, WebhookKey } from '../../apps/controller/src/keys/webhook-key.ts';

const DOCUMENT = new URL('../../docs/webhooks.md', import.meta.url);
const DAY_MS = 86_400_000;
const BODY = '{"type":"ping","data":{"actor":"Zoë"}}';

let folder: string;
let modules = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hr-hooks-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type Check = (headers: Record<string, string>, rawBody: Buffer) => boolean;

/** The example of the document, with a real public key in it. */
async function example(publicKey: string): Promise<Check> {
  const [, code = ''] = /```js\n([\s\S]*?)```/.exec(await readFile(DOCUMENT, 'utf8')) ?? [];
  expect(code).toContain('whpk_...');
  const path = join(folder, `receiver-${modules++}.mjs`);
  await writeFile(path, code.replace('whpk_...', publicKey));
  const { isFromHeadroom } = (await import(pathToFileURL(path).href)) as { isFromHeadroom: Check };
  return isFromHeadroom;
}

function message(key: WebhookKey, now: Date, at = now): Record<string, string> {
  const seconds = Math.floor(at.getTime() / 1000);
  return {
    'webhook-id': 'event-1',
    'webhook-timestamp': String(seconds),
    'webhook-signature': key.sign('event-1', seconds, BODY, now),
  };
}

const publicKeyOf = (key: WebhookKey, now: Date) => key.publicKeys(now)[0]?.publicKey ?? '';

describe('the example of the document', () => {
  it('believes our message, and nothing that differs from it', async () => {
    const key = new WebhookKey(WebhookKey.generateText());
    const now = new Date();
    const check = await example(publicKeyOf(key, now));
    const headers = message(key, now);
    const body = Buffer.from(BODY);
    expect(check(headers, body)).toBe(true);
    expect(check(headers, Buffer.from(BODY.replace('ping', 'pong')))).toBe(false);
    expect(check({ ...headers, 'webhook-id': 'event-2' }, body)).toBe(false);
    expect(check({ ...headers, 'webhook-timestamp': 'soon' }, body)).toBe(false);
    expect(check(message(key, now, new Date(now.getTime() - 600_000)), body)).toBe(false);
    const forged = `v1a,${randomBytes(64).toString('base64')}`;
    expect(check({ ...headers, 'webhook-signature': forged }, body)).toBe(false);
    expect(check({ ...headers, 'webhook-signature': `v1,abc ${forged} ${headers['webhook-signature']}` }, body)).toBe(
      true,
    );
    const other = new WebhookKey(WebhookKey.generateText());
    expect(check(message(other, now), body)).toBe(false);
  });
});

describe('a new key', () => {
  it('signs beside the old one for a week, so that receivers change when they like', async () => {
    const key = new WebhookKey(WebhookKey.generateText());
    const now = new Date();
    const trustsOld = await example(publicKeyOf(key, now));
    expect(key.adopt(key.nextText(now))).toBe(true);
    const trustsNew = await example(publicKeyOf(key, now));
    const body = Buffer.from(BODY);
    const both = message(key, now);
    expect(both['webhook-signature']?.split(' ')).toHaveLength(2);
    expect([trustsOld(both, body), trustsNew(both, body)]).toEqual([true, true]);
    const [present, previous] = key.publicKeys(now);
    expect(present?.until).toBeNull();
    expect(previous?.until?.getTime()).toBe(now.getTime() + OVERLAP_DAYS * DAY_MS);
    const later = new Date(now.getTime() + OVERLAP_DAYS * DAY_MS);
    const one = message(key, later, now);
    expect([trustsOld(one, body), trustsNew(one, body)]).toEqual([false, true]);
    expect(key.publicKeys(later)).toHaveLength(1);
  });

  it('is made by the command, and a file that is none is refused', async () => {
    await expect(rotateWebhookKey(['--keys-dir', folder])).rejects.toThrow(/no webhook-key.pem/);
    const text = WebhookKey.generateText();
    await writeFile(join(folder, 'webhook-key.pem'), text, { mode: 0o600 });
    const said = JSON.parse(await rotateWebhookKey(['--keys-dir', folder])) as Record<string, string>;
    expect(said).toMatchObject({ previous: publicKeyOf(new WebhookKey(text), new Date()) });
    const now = new WebhookKey(await readFile(join(folder, 'webhook-key.pem'), 'utf8'));
    expect(publicKeyOf(now, new Date())).toBe(said['publicKey']);
    expect(() => new WebhookKey('nothing')).toThrow(/Ed25519/);
  });
});
