/** Goal: whoever stands before a dead Mac finds on one page what to type, and no name of a Mac can put words into it. */
import { describe, expect, it } from 'vitest';
import { breakGlass, ownerNames } from './break-glass.ts';
import type { Facts } from './facts.ts';
import { emptyFacts } from './facts-empty.ts';
import { sheetText, sheetValue } from './sheet.ts';

const GROUP = 'AAAAAAAA-1111-4222-8333-000000000001';
const BIDI = '\u202e';
const bare = emptyFacts('not read');
const known: Facts = {
  ...bare,
  hardware: { ...bare.hardware, serial: 'C02XYZ', model: 'Mac14,12', uuid: 'BBBBBBBB-1111-4222-8333-000000000001' },
  volumes: {
    ...bare.volumes,
    systemName: 'Macintosh HD',
    systemUuid: 'CCCCCCCC-1111-4222-8333-000000000001',
    dataUuid: 'DDDDDDDD-1111-4222-8333-000000000001',
    group: GROUP,
    owners: [
      { user: 'ada', uuid: 'a1' },
      { user: 'bob', uuid: 'b2' },
    ],
    recoveryAdmins: [{ user: 'ada', uuid: 'A1' }],
  },
};
const page = (facts: Facts) => sheetText(breakGlass({ name: 'mini-7', facts, source: 'Printed by a test.' }));

describe('the break-glass page', () => {
  it('names this Mac, its volumes and owners', () => {
    const text = page(known);
    const { systemUuid, dataUuid } = known.volumes;
    for (const part of ['mini-7', 'C02XYZ', 'Macintosh HD', systemUuid, dataUuid, GROUP, 'ada', 'Printed by a test.'])
      expect(text).toContain(part);
  });

  it('goes from the nearest way to the last resort', () => {
    const ways = [
      'in one motion',
      '/Headroom/revert',
      'csrutil enable',
      'Startup Security Utility',
      `bputil -g -v ${GROUP}`,
      'coih',
      'DFU',
      'Revive',
      'Restore',
    ];
    const places = ways.map((way) => page(known).indexOf(way));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  it('deletes boot arguments in recoveryOS before SIP is on, as macOS refuses it afterwards', () => {
    const text = page(known);
    const deleting = text.indexOf('nvram -d 40A0DDD2-77F8-4392-B4A3-1E7304206516:boot-args');
    expect(deleting).toBeGreaterThan(0);
    expect(text.indexOf('csrutil enable')).toBeGreaterThan(deleting);
    expect(text).not.toMatch(/sudo nvram|In macOS/);
  });

  it('frees a stuck policy, and says where the keys are', () => {
    expect(page(known)).toMatch(/a stuck policy\.\n +csrutil clear\n +csrutil enable\n/);
    expect(page(known)).toMatch(/German, Spanish, Italian: {1,}\/ Shift-7/);
  });

  it('says what is not known, and how to find it', () => {
    const text = page(bare);
    expect(text).toMatch(/Serial +not known/);
    expect(text).toContain('bputil -g -v GROUP');
    expect(text).toContain('listVolumeGroups');
  });

  it('puts nothing into a line to type that is no UUID', () => {
    const facts = { ...known, volumes: { ...known.volumes, group: `${GROUP}; reboot` } };
    expect(page(facts)).toContain('bputil -g -v GROUP\n');
  });

  it('tells owners that recoveryOS does not list', () => {
    expect(ownerNames(known)).toBe('ada (recoveryOS does not list bob)');
    expect(ownerNames({ ...known, volumes: { ...known.volumes, recoveryAdmins: [] } })).toContain('none of them');
    expect(ownerNames(bare)).toMatch(/^not known/);
  });
});

describe('a value on a sheet', () => {
  it.each([
    ['line\none: csrutil\u0000 off', 'line one: csrutil  off'],
    [`a${BIDI}b`, 'a b'],
    [' \t ', 'not known'],
    [null, 'not known'],
    ['東京'.repeat(40), `${'東京'.repeat(29)}東…`],
  ])('is one bounded line: %j', (value, shown) => {
    expect(sheetValue(value)).toBe(shown);
  });

  it('and a line to type is never broken', () => {
    const long = `x ${'y'.repeat(200)} z`;
    const item = { text: 'word '.repeat(60).trim(), type: [long] };
    const text = sheetText({
      title: 't',
      about: [],
      sections: [{ title: 's', numbered: true, items: [item] }],
      footer: '',
    });
    expect(text).toContain(long);
    expect(
      Math.max(
        ...text
          .split('\n')
          .filter((line) => !line.includes('y'))
          .map((line) => line.length),
      ),
    ).toBeLessThanOrEqual(100);
  });
});
