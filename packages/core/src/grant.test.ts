/** Goal: a grant allows exactly what it names, and every doubt is a refusal. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkGrant,
  encodeGrant,
  type GrantPayload,
  type GrantRefusal,
  type GrantUse,
  type SignedGrant,
} from './grant.ts';

const HOST = '3D6B9F2E-1111-4222-8333-444455556666';
const OTHER = '00000000-1111-4222-8333-444455556666';

const grant: GrantPayload = {
  schemaVersion: 1,
  grantId: 'g-1',
  fleetId: 'fleet-1',
  hostUuids: [HOST],
  quotaMax: 255,
  extraArgs: ['-v', 'serverperfmode=1'],
  notBefore: '2026-01-01T00:00:00.000Z',
  expiresAt: '2026-04-01T00:00:00.000Z',
  shownTextSha256: 'ab'.repeat(32),
  approver: 'anna@example.com',
  purpose: 'CI',
  simulation: false,
};

const use: GrantUse = {
  fleetId: 'fleet-1',
  hostUuid: HOST,
  quota: 255,
  extraArgs: ['-v'],
  now: new Date('2026-02-01T00:00:00.000Z'),
  simulated: false,
};

/** Stands in for Ed25519: the signature of a text is the text itself. */
const verify = (payload: string, signature: string, keyId: string): boolean =>
  keyId === 'pinned' && signature === `signed:${payload}`;
const sign = (payload: string): SignedGrant => ({ payload, signature: `signed:${payload}`, keyId: 'pinned' });

const codeOf = (signed: SignedGrant | null, changes: Partial<GrantUse> = {}): GrantRefusal | 'ok' => {
  const check = checkGrant(signed, { ...use, ...changes }, verify);
  return check.ok ? 'ok' : check.code;
};

describe('checkGrant', () => {
  it('allows what the grant names', () => {
    expect(checkGrant(sign(encodeGrant(grant)), use, verify)).toEqual({ ok: true, grant });
  });

  it.each<[GrantRefusal | 'ok', string, Partial<GrantPayload>, Partial<GrantUse>]>([
    ['GRANT_OTHER_FLEET', 'another fleet', {}, { fleetId: 'fleet-2' }],
    ['GRANT_OTHER_HOST', 'another host', {}, { hostUuid: OTHER }],
    ['GRANT_OTHER_HOST', 'no host at all', { hostUuids: [] }, {}],
    ['ok', 'the host in lower case', {}, { hostUuid: HOST.toLowerCase() }],
    ['GRANT_QUOTA_EXCEEDED', 'one guest more', {}, { quota: 256 }],
    ['ok', 'a life of 366 days', { expiresAt: '2027-01-02T00:00:00.000Z' }, {}],
    ['GRANT_TOO_LONG', 'a life a moment longer', { expiresAt: '2027-01-02T00:00:00.001Z' }, {}],
    ['GRANT_QUOTA_EXCEEDED', 'a quota that is no number', {}, { quota: Number.NaN }],
    ['ok', 'one guest fewer', {}, { quota: 254 }],
    ['GRANT_ARGS_EXCEEDED', 'an argument not named', {}, { extraArgs: ['-v', 'a=1'] }],
    ['GRANT_ARGS_EXCEEDED', 'the same key with another value', {}, { extraArgs: ['serverperfmode=2'] }],
    [
      'GRANT_ARGS_EXCEEDED',
      'a forbidden argument, although named',
      { extraArgs: ['debug=1'] },
      { extraArgs: ['debug=1'] },
    ],
    ['GRANT_NOT_YET_VALID', 'a moment too early', {}, { now: new Date('2025-12-31T23:59:59.999Z') }],
    ['ok', 'its first moment', {}, { now: new Date('2026-01-01T00:00:00.000Z') }],
    ['GRANT_EXPIRED', 'its end', {}, { now: new Date('2026-04-01T00:00:00.000Z') }],
    ['GRANT_NOT_YET_VALID', 'a clock that gives no time', {}, { now: new Date(Number.NaN) }],
    ['GRANT_SIMULATION_MISMATCH', 'a real grant on a simulated Mac', {}, { simulated: true }],
    ['GRANT_SIMULATION_MISMATCH', 'a simulation grant on a real Mac', { simulation: true }, {}],
    ['ok', 'a simulation grant on a simulated Mac', { simulation: true }, { simulated: true }],
  ])('%s: %s', (code, _name, payload, changes) => {
    expect(codeOf(sign(encodeGrant({ ...grant, ...payload })), changes)).toBe(code);
  });

  it('refuses no grant, a wrong signature and a foreign key before it reads anything', () => {
    const signed = sign(encodeGrant(grant));
    expect(codeOf(null)).toBe('GRANT_MISSING');
    expect(codeOf({ ...signed, signature: 'x' })).toBe('GRANT_SIGNATURE_WRONG');
    expect(codeOf({ ...signed, keyId: 'other' })).toBe('GRANT_SIGNATURE_WRONG');
    expect(codeOf({ ...signed, payload: signed.payload.replace('255', '9999') })).toBe('GRANT_SIGNATURE_WRONG');
    expect(codeOf({ payload: 'not json', signature: 'x', keyId: 'pinned' })).toBe('GRANT_SIGNATURE_WRONG');
  });

  it.each([
    ['not JSON', 'grant'],
    ['null', 'null'],
    ['a list', '[]'],
    ['another schema', JSON.stringify({ ...grant, schemaVersion: 2 })],
    ['a time that is none', JSON.stringify({ ...grant, expiresAt: 'later' })],
    ['a quota as text', JSON.stringify({ ...grant, quotaMax: '255' })],
    ['a quota out of range', JSON.stringify({ ...grant, quotaMax: 2 ** 31 })],
    ['hosts that are none', JSON.stringify({ ...grant, hostUuids: HOST })],
    ['simulation missing', JSON.stringify({ ...grant, simulation: undefined })],
  ])('refuses a signed payload that is %s', (_name, payload) => {
    expect(codeOf(sign(payload))).toBe('GRANT_UNREADABLE');
  });

  it('gives the same bytes for the same consent', () => {
    const mixed = { ...grant, hostUuids: [HOST.toLowerCase(), OTHER], extraArgs: ['serverperfmode=1', '-v'] };
    const sorted = { ...grant, hostUuids: [OTHER, HOST] };
    expect(encodeGrant(mixed)).toBe(encodeGrant(sorted));
  });

  it('never allows more than the grant names', () => {
    const word = fc.constantFrom('-v', 'serverperfmode=1', 'a=1', 'debug=1');
    const asked = fc.record({
      quota: fc.integer({ min: -5, max: 600 }),
      extraArgs: fc.array(word, { maxLength: 3 }),
      hostUuid: fc.constantFrom(HOST, OTHER),
      fleetId: fc.constantFrom('fleet-1', 'fleet-2'),
      now: fc.date({ min: new Date('2025-06-01'), max: new Date('2026-10-01'), noInvalidDate: true }),
      simulated: fc.boolean(),
    });
    const named = { ...grant, extraArgs: ['-v', 'debug=1'] };
    let allowed = 0;
    fc.assert(
      fc.property(asked, (changes) => {
        if (codeOf(sign(encodeGrant(named)), changes) !== 'ok') return;
        allowed += 1;
        expect(changes.quota).toBeLessThanOrEqual(255);
        expect(changes.extraArgs.every((arg) => arg === '-v')).toBe(true);
        expect(changes.hostUuid).toBe(HOST);
        expect(changes.fleetId).toBe('fleet-1');
        expect(changes.simulated).toBe(false);
        expect(changes.now.getTime()).toBeGreaterThanOrEqual(Date.parse(grant.notBefore));
        expect(changes.now.getTime()).toBeLessThan(Date.parse(grant.expiresAt));
      }),
      { numRuns: 5000 },
    );
    expect(allowed).toBeGreaterThan(0);
  });
});
