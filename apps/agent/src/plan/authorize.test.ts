import { generateKeyPairSync, sign } from 'node:crypto';
import { encodeGrant, type GrantPayload, mergeBootArgs } from '@headroom/core';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../agent-error.ts';
import { pinnedVerifier } from '../grants/verify.ts';
import { authorize, type PlanGate } from './authorize.ts';
import { parsePlan } from './parse-plan.ts';

const HOST = '11111111-2222-4333-8444-555555555555';
const NOW = new Date('2026-11-23T12:00:00Z');
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();

function signed(changes: Partial<GrantPayload> = {}) {
  const payload = encodeGrant({
    schemaVersion: 1,
    grantId: 'g',
    fleetId: 'fleet',
    hostUuids: [HOST],
    quotaMax: 8,
    extraArgs: [],
    notBefore: '2026-11-23T00:00:00.000Z',
    expiresAt: '2026-11-24T00:00:00.000Z',
    shownTextSha256: '0'.repeat(64),
    approver: 'anna',
    purpose: 'CI',
    simulation: true,
    ...changes,
  });
  return { payload, keyId: 'key', signature: sign(null, Buffer.from(payload), privateKey).toString('base64') };
}

function line(quota: number, stored: string | null = null, granted: readonly string[] = []): string {
  const merged = mergeBootArgs({ stored, quota, extra: [], granted });
  if (!merged.ok) throw new Error(merged.code);
  return merged.line;
}

function plan(step: object, changes: object = {}) {
  return parsePlan(
    JSON.stringify({
      ...{ schemaVersion: 1, planId: 'p', fleetId: 'fleet', hostId: 'host', hostUuid: HOST, generation: 5 },
      ...{ intentNumber: 1, quota: 8, steps: [step], grant: signed() },
      ...changes,
    }),
  );
}

const gate: PlanGate = {
  hostUuid: HOST,
  fleetId: 'fleet',
  hostId: 'host',
  simulated: true,
  highestGeneration: 5,
  verify: pinnedVerifier([{ keyId: 'key', pem }]),
  now: NOW,
  storedBootArgs: null,
};

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
  return 'let through';
}

const setArgs = (bootArgs = line(8), quota = 8) => ({ kind: 'set_boot_args', quota, bootArgs });
const ask = (step: { kind: string }, changes: object = {}, at: Partial<PlanGate> = {}) =>
  codeOf(() => authorize(plan(step, changes), 0, step.kind, { ...gate, ...at }));

describe('authorize', () => {
  it('takes needed arguments as part of the line only, so that the grant names them', () => {
    const word = '-unsafe_kernel_text';
    const kit = { kind: 'place_kit', visitId: 'v', build: '23F79', variant: 'T6000', quota: 8, neededArgs: [word] };
    const askKit = (bootArgs: string, changes: object = {}) => {
      const step = { ...kit, bootArgs };
      return ask(step, changes);
    };
    const grant = signed({ extraArgs: [word] });
    expect(askKit(`${line(8)} ${word}`, { grant })).toBe('let through');
    expect(askKit(`${line(8)} ${word}`)).toBe('GRANT_ARGS_EXCEEDED');
    expect(askKit(line(8), { grant })).toBe('PLAN_UNREADABLE');
  });

  it('lets a lowering step through under a grant that covers it', () => {
    expect(authorize(plan(setArgs()), 0, 'set_boot_args', gate)).toMatchObject({ grant: { approver: 'anna' } });
  });

  it('asks no grant for a step that lowers nothing', () => {
    expect(ask({ kind: 'collect_facts' }, { grant: null })).toBe('let through');
  });

  it.each([
    ['another host uuid', { hostUuid: '99999999-2222-4333-8444-555555555555' }, {}, 'PLAN_OTHER_HOST'],
    ['another host id', { hostId: 'other' }, {}, 'PLAN_OTHER_HOST'],
    ['another fleet', { fleetId: 'other' }, {}, 'PLAN_OTHER_HOST'],
    ['an older generation', { generation: 4 }, {}, 'PLAN_OLD_GENERATION'],
    ['an unreadable host uuid', {}, { hostUuid: null }, 'COMMAND_FAILED'],
    ['no grant', { grant: null }, {}, 'GRANT_MISSING'],
    ['a grant of an unpinned key', {}, { verify: pinnedVerifier([]) }, 'GRANT_SIGNATURE_WRONG'],
    ['a grant over a year old', {}, { now: new Date('2027-11-24T00:00:00Z') }, 'GRANT_EXPIRED'],
    ['a simulation grant on a real Mac', {}, { simulated: false }, 'GRANT_SIMULATION_MISMATCH'],
  ])('refuses %s', (_name, changes, at, code) => {
    expect(ask(setArgs(), changes, at)).toBe(code);
  });

  it('refuses a quota above the grant, and a line that asks for more than the step says', () => {
    expect(ask(setArgs(line(9), 9))).toBe('GRANT_QUOTA_EXCEEDED');
    expect(ask(setArgs(line(9), 8))).toBe('BOOT_ARGS_NOT_ALLOWED');
  });

  it('keeps a foreign stored word only when the grant names it', () => {
    const stored = 'trace=1';
    const asked = setArgs(line(8, stored, [stored]));
    expect(ask(asked, {}, { storedBootArgs: stored })).toBe('GRANT_ARGS_EXCEEDED');
    const named = { grant: signed({ extraArgs: [stored] }) };
    expect(ask(asked, named, { storedBootArgs: stored })).toBe('let through');
    expect(ask(setArgs(), {}, { storedBootArgs: stored })).toBe('BOOT_ARGS_FOREIGN');
    expect(ask(setArgs(), {}, { storedBootArgs: 'debug=0x14e' })).toBe('BOOT_ARGS_FORBIDDEN');
  });

  it('names a kind that it does not know, and a step that is not the one leased', () => {
    expect(ask({ kind: 'format_disk' })).toBe('JOB_KIND_UNKNOWN');
    expect(codeOf(() => authorize(plan(setArgs()), 0, 'place_kit', gate))).toBe('PLAN_UNREADABLE');
    expect(codeOf(() => authorize(plan(setArgs()), 1, 'set_boot_args', gate))).toBe('PLAN_UNREADABLE');
  });
});

describe('parsePlan', () => {
  const kdk = { build: '23F79', version: '14.5', sha256: 'a'.repeat(64), sizeBytes: 10, fileName: 'x.dmg' };
  it.each([
    ['a build that is a path', { kind: 'install_kdk', variant: 'T6020', kdk: { ...kdk, build: '../../etc' } }],
    ['a variant with a slash', { kind: 'install_kdk', variant: 'T60/20', kdk }],
    ['a sha256 that is not one', { kind: 'install_kdk', variant: 'T6020', kdk: { ...kdk, sha256: 'x' } }],
    ['boot arguments with a line break', { kind: 'set_boot_args', quota: 8, bootArgs: 'a\nb' }],
    ['a quota of 2.5', { kind: 'set_boot_args', quota: 2.5, bootArgs: '' }],
    ['an option as bundle id', { kind: 'build_kc', build: '23F79', variant: 'T6020', dropBundles: ['--force'] }],
  ])('refuses %s', (_name, step) => {
    expect(codeOf(() => plan(step))).toBe('PLAN_UNREADABLE');
  });

  it('refuses what is not a plan', () => {
    for (const text of ['', '[]', '{"schemaVersion":2}', 'x'.repeat(2 * 1024 * 1024)])
      expect(codeOf(() => parsePlan(text))).toBe('PLAN_UNREADABLE');
  });
});
