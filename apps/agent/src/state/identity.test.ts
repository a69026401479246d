/** An identity that cannot be read is none and no other: what is wrong is said with what helps, and nothing is guessed. */
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type FakeMac, fakeMac } from '../testing/fake-mac.ts';
import { readBootState } from './boot-state.ts';
import { type Identity, readCredentials, readIdentity, writeEnrolment, writeKey } from './identity.ts';

const FILE = '/var/db/headroom/identity.json';
const IDENTITY: Identity = {
  ...{ hostId: 'host', fleetId: 'fleet', agentUrl: 'https://a', enrolUrl: 'https://e', caPem: 'ca' },
  grantPublicKeys: [{ keyId: 'key', pem: 'pem' }],
};
let mac: FakeMac;
beforeEach(async () => {
  mac = fakeMac();
  await writeKey(mac, 'key');
  await writeEnrolment(mac, IDENTITY, 'certificate');
});
afterEach(() => mac.remove());

it('is read with key and certificate, or not at all', async () => {
  expect(await readCredentials(mac)).toEqual({ identity: IDENTITY, keyPem: 'key', certificatePem: 'certificate' });
  rmSync(mac.path('/var/db/headroom/key.pem'));
  expect(await readCredentials(mac)).toBe(null);
});

it.each([
  ['a cut file', JSON.stringify(IDENTITY).slice(0, 60)],
  ['an empty one', ''],
  ['a list', '[]'],
  ['one that lacks a field', JSON.stringify({ ...IDENTITY, caPem: undefined })],
  ['keys of another form', JSON.stringify({ ...IDENTITY, grantPublicKeys: ['key'] })],
])('says what helps with %s', async (_what, text) => {
  mac.file(FILE, text);
  await expect(readIdentity(mac)).rejects.toThrow(
    /^\/var\/db\/headroom\/identity\.json is damaged \(.+\): remove it and enrol this Mac again/,
  );
});

it.each([
  ['a folder', () => mkdirSync(mac.path(FILE))],
  ['a link in a circle', () => symlinkSync('identity.json', mac.path(FILE))],
])('does not take %s for a Mac that has joined no fleet', async (_what, make) => {
  rmSync(mac.path(FILE));
  make();
  await expect(readIdentity(mac)).rejects.toThrow();
});

it('takes fields that only a newer agent knows', async () => {
  mac.file(FILE, JSON.stringify({ ...IDENTITY, since: '2027' }));
  expect(await readIdentity(mac)).toMatchObject(IDENTITY);
});

it.each(['{"bootSessionId":', '[]'])('says what helps with a count of boots that is damaged: %s', async (text) => {
  mac.file('/var/db/headroom/state.json', text);
  await expect(readBootState(mac)).rejects.toThrow(/state\.json is damaged \(.+\): move it away and restart the agent/);
});
