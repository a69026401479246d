/** Inputs for tests: a plain visit, and one in which everything that comes from outside is as long and as hostile as can be. */
import { emptyFacts, type Facts } from '@headroom/core';
import { UNKNOWN_PLACE } from '../../hosts/place.ts';
import type { RunSheetInput } from './sheet-input.ts';

const bare = emptyFacts('not read');
const uuid = (digit: string): string => `${digit.repeat(8)}-1111-4222-8333-000000000001`;

export const plainFacts: Facts = {
  ...bare,
  os: { ...bare.os, version: '14.5', build: '23F79' },
  hardware: { ...bare.hardware, serial: 'C02XYZ', model: 'Mac14,12', chip: 'Apple M2 Pro', uuid: uuid('B') },
  volumes: {
    ...bare.volumes,
    systemName: 'Macintosh HD',
    systemUuid: uuid('C'),
    dataUuid: uuid('D'),
    group: uuid('A'),
    owners: [{ user: 'ada', uuid: 'a1' }],
    recoveryAdmins: [{ user: 'ada', uuid: 'a1' }],
  },
  fileVault: 'on',
  mdm: { enrolled: true, userApproved: true },
  guests: { ...bare.guests, processesAtMost: 0 },
};

export const plain: RunSheetInput = {
  visit: {
    id: '01a20846-fe0a-71a6-9de6-0420ee5867ce',
    kind: 'raise',
    state: 'open',
    reason: 'The kit lies on the Mac.',
    quota: 16,
    owner: 'kim',
    dueAt: new Date('2026-11-24T09:00:00Z'),
    expiresAt: new Date('2027-02-21T12:00:00Z'),
    code: '7Q2MZ4K0TX',
  },
  host: {
    name: 'mini-7',
    serial: 'C02XYZ',
    model: null,
    labels: ['lab', 'asset:4711'],
    site: 'Zürich',
    url: 'https://headroom.example:7440/api/v1/hosts/01a20846-fe0a-71a6-9de6-0420ee586700',
    pageUrl: 'https://headroom.example:7440/api/v1/hosts/01a20846-fe0a-71a6-9de6-0420ee586700',
  },
  place: UNKNOWN_PLACE,
  passwordUrl: null,
  facts: plainFacts,
  factsAt: new Date('2026-11-23T11:59:00Z'),
  scriptMd5: 'cd'.repeat(16),
  printedAt: new Date('2026-11-23T12:00:00Z'),
};

const HOSTILE = `<img src=x onerror=alert(1)>"'&\n\u202e${'W'.repeat(400)}`;

const hostileFacts: Facts = {
  ...plainFacts,
  os: { ...plainFacts.os, version: HOSTILE, build: HOSTILE },
  hardware: { ...plainFacts.hardware, serial: HOSTILE, model: HOSTILE, chip: HOSTILE, uuid: HOSTILE },
  volumes: {
    ...plainFacts.volumes,
    systemName: HOSTILE,
    systemUuid: HOSTILE,
    dataUuid: HOSTILE,
    group: HOSTILE,
    owners: Array.from({ length: 40 }, (_, index) => ({ user: HOSTILE, uuid: `u${index}` })),
    recoveryAdmins: Array.from({ length: 20 }, (_, index) => ({ user: HOSTILE, uuid: `u${index}` })),
  },
  fileVault: null,
  mdm: { enrolled: null, userApproved: null },
  guests: { ...plainFacts.guests, processesAtMost: null },
};

export const hostile: RunSheetInput = {
  ...plain,
  visit: { ...plain.visit, reason: HOSTILE, owner: HOSTILE, quota: 255 },
  host: {
    name: HOSTILE,
    serial: HOSTILE,
    model: HOSTILE,
    labels: Array.from({ length: 50 }, () => HOSTILE),
    site: HOSTILE,
    url: `https://${'w'.repeat(105)}/api/v1/hosts/01a20846-fe0a-71a6-9de6-0420ee586700`,
    pageUrl: `https://${'w'.repeat(105)}/api/v1/hosts/01a20846-fe0a-71a6-9de6-0420ee586700`,
  },
  place: {
    ...UNKNOWN_PLACE,
    location: HOSTILE,
    place: HOSTILE,
    assetTag: HOSTILE,
    ownerAccount: 'W'.repeat(40),
    placeType: 'rack',
    hasDisplay: true,
    hasKeyboard: false,
    needsEthernet: true,
  },
  passwordUrl: `https://vault.example/${'w'.repeat(500)}`,
  facts: hostileFacts,
  // The text with a sum is the longer one.
  scriptMd5: 'cd'.repeat(16),
};

export function ofKind(input: RunSheetInput, kind: RunSheetInput['visit']['kind']): RunSheetInput {
  return { ...input, visit: { ...input.visit, kind, code: kind === 'raise' ? input.visit.code : null } };
}
