import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SOCKET_FILE } from '../paths.ts';
import { openHome } from '../state/identity.ts';
import { openStatusFile, type StatusFile } from '../state/status-file.ts';
import { type FakeMac, fakeMac } from '../testing/fake-mac.ts';
import { openLocalSocket } from './socket.ts';

const SESSION = '0B1F8C52-9B47-4F0A-8E25-C1A7D0934B68';

let mac: FakeMac;
let status: StatusFile;
let close: () => Promise<void>;
beforeEach(async () => {
  mac = fakeMac();
  mac.tool('/usr/sbin/sysctl', `echo 'kern.bootsessionuuid: ${SESSION}'`);
  await openHome(mac);
  status = await openStatusFile(mac, () => {});
  close = await openLocalSocket({ mac, status, onWitness: () => {}, log: () => {} });
});
afterEach(async () => {
  await close();
  mac.remove();
});

function call(method: string, path: string, body = ''): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: mac.path(SOCKET_FILE), method, path }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += String(chunk);
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const witness = (value: unknown) => call('POST', '/witness', JSON.stringify(value));

describe('the local socket', () => {
  it('shows the status', async () => {
    await status.update({ hostId: 'h1' });
    expect(await call('GET', '/status')).toMatchObject({ status: 200, body: { hostId: 'h1' } });
  });

  it('takes a witness of this boot', async () => {
    const said = { macosGuests: 4, source: 'orchard', bootSession: SESSION.toLowerCase() };
    expect(await witness(said)).toMatchObject({ status: 200, body: { macosGuests: 4, bootSession: SESSION } });
    expect(await witness({ macosGuests: 2 })).toMatchObject({ status: 200, body: { macosGuests: 4 } });
  });

  it.each([
    ['another boot', { macosGuests: 3, bootSession: '1B1F8C52-9B47-4F0A-8E25-C1A7D0934B68' }, 422],
    ['no number', { macosGuests: '3' }, 422],
    ['half a guest', { macosGuests: 2.5 }, 422],
    ['more than any Mac runs', { macosGuests: 1001 }, 422],
    ['a forged line', { macosGuests: 3, source: 'a\nb' }, 422],
    ['a list', [3], 422],
    ['too much', { macosGuests: 3, source: 'a'.repeat(5000) }, 413],
  ])('refuses %s', async (_name, said, code) => {
    expect((await witness(said)).status).toBe(code);
  });

  it('refuses what is not JSON, other paths and other methods', async () => {
    expect((await call('POST', '/witness', '{')).status).toBe(413);
    expect((await call('POST', '/status')).status).toBe(404);
    expect((await call('GET', '/witness')).status).toBe(404);
  });

  it('says when the boot cannot be told', async () => {
    mac.tool('/usr/sbin/sysctl', 'exit 1');
    expect(await witness({ macosGuests: 3 })).toMatchObject({
      status: 422,
      body: { problem: expect.stringContaining('boot session') },
    });
  });
});
