/** Goal: the stored line is exactly what was agreed: nothing foreign slips in, nothing is deleted silently, each key stands once. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BOOT_ARGS_BYTES_MAX,
  extraWords,
  hypervisorInBootArgs,
  isForbiddenArg,
  type MergeInput,
  mergeBootArgs,
  parseBootArgs,
  priorWords,
  quotaInBootArgs,
  quotaWords,
} from './boot-args.ts';

const OWN = 'kcsuffix=development hypervisor=0x1 hv_apple_isa_vm_quota=0xFF';
const merge = (changes: Partial<MergeInput>) =>
  mergeBootArgs({ stored: null, quota: 255, extra: [], granted: [], ...changes });

describe('reading a line', () => {
  it.each([
    ['', null],
    ['-v', null],
    ['hv_apple_isa_vm_quota=0xFF', 255],
    ['hv_apple_isa_vm_quota=255', 255],
    ['hv_apple_isa_vm_quota=3 hv_apple_isa_vm_quota=9', 3],
    ['xhv_apple_isa_vm_quota=3', null],
    ['\thv_apple_isa_vm_quota=0x10\t', 16],
    ['hv_apple_isa_vm_quota=', Number.NaN],
    ['hv_apple_isa_vm_quota', Number.NaN],
    ['hv_apple_isa_vm_quota=010', Number.NaN],
    ['hv_apple_isa_vm_quota=1k', Number.NaN],
    ['hv_apple_isa_vm_quota=-1', Number.NaN],
  ])('quota of %j is %s', (line, quota) => {
    expect(quotaInBootArgs(line)).toBe(quota);
  });

  it.each([
    ['hypervisor=0x1', true],
    ['hypervisor=1', true],
    ['hypervisor=10', true],
    ['hypervisor=010', true],
    ['hypervisor=0xA0', true],
    ['hypervisor=0', false],
    ['hypervisor=0x0', false],
    ['hypervisor=00', false],
    ['hypervisor=abc', null],
    ['hypervisor=1k', null],
    ['hypervisor=', null],
    ['hypervisor', null],
    ['nohypervisor=1', false],
    ['hypervisor=0 hypervisor=1', false],
  ])('hypervisor in %j: %s', (line, found) => {
    expect(hypervisorInBootArgs(line)).toBe(found);
  });

  it('splits at blanks and tabs and at the first =', () => {
    expect(parseBootArgs('  a=b=c\t-v ')).toEqual([
      { key: 'a', value: 'b=c', word: 'a=b=c' },
      { key: '-v', value: null, word: '-v' },
    ]);
  });

  it('tells the words that a grant must name', () => {
    expect(extraWords(`${OWN} -v serverperfmode=1`)).toEqual(['-v', 'serverperfmode=1']);
  });

  it.each([
    ['hypervisor=0x1 kcsuffix=mine -v', ['hypervisor=0x1', 'kcsuffix=mine', '-v']],
    [`${OWN} -v`, ['-v']],
    ['hypervisor=0x1 hv_apple_isa_vm_quota', []],
    ['', []],
  ])('of the line before a raise, %j, puts back %j', (line, words) => {
    expect(priorWords(line)).toEqual(words);
  });
});

describe('mergeBootArgs', () => {
  it.each<[string, Partial<MergeInput>, string]>([
    ['nothing stored', {}, OWN],
    ['stored empty', { stored: '' }, OWN],
    ['older values of ours are replaced', { stored: 'hv_apple_isa_vm_quota=9 hypervisor=0' }, OWN],
    ['extra from the allow-list', { extra: ['-v'] }, `${OWN} -v`],
    ['extra that is stored already', { stored: '-v', extra: ['-v'] }, `${OWN} -v`],
    ['foreign, named by the exception', { stored: 'a=1', granted: ['a=1'] }, `${OWN} a=1`],
    ['extra, named by the exception', { extra: ['a=1'], granted: ['a=1'] }, `${OWN} a=1`],
    ['stock takes our words out and keeps the rest', { stored: `${OWN} a=1`, quota: 2, granted: ['a=1'] }, 'a=1'],
  ])('%s', (_name, changes, line) => {
    expect(merge(changes)).toEqual({ ok: true, line });
  });

  it.each<[string, Partial<MergeInput>, string, readonly string[]]>([
    ['foreign, not named', { stored: 'a=1 b=2', granted: ['a=1'] }, 'BOOT_ARGS_FOREIGN', ['b=2']],
    ['foreign with another value', { stored: 'a=2', granted: ['a=1'] }, 'BOOT_ARGS_FOREIGN', ['a=2']],
    ['a stored -v that nobody asked for', { stored: '-v' }, 'BOOT_ARGS_FOREIGN', ['-v']],
    ['forbidden, stored', { stored: 'debug=0x144' }, 'BOOT_ARGS_FORBIDDEN', ['debug=0x144']],
    ['forbidden, stored and named', { stored: 'rd=md0', granted: ['rd=md0'] }, 'BOOT_ARGS_FORBIDDEN', ['rd=md0']],
    [
      'forbidden, asked for by the policy',
      { extra: ['kdp_match_name=x'], granted: ['kdp_match_name=x'] },
      'BOOT_ARGS_FORBIDDEN',
      ['kdp_match_name=x'],
    ],
    [
      'forbidden, stored and asked for',
      { stored: 'amfi=0x80', extra: ['amfi=0x80'] },
      'BOOT_ARGS_FORBIDDEN',
      ['amfi=0x80'],
    ],
    ['extra off the allow-list', { extra: ['made-up'] }, 'BOOT_ARGS_NOT_ALLOWED', ['made-up']],
    [
      'extra that is a key of ours',
      { extra: ['hypervisor=0'], granted: ['hypervisor=0'] },
      'BOOT_ARGS_NOT_ALLOWED',
      ['hypervisor=0'],
    ],
    [
      'extra that hides two words',
      { extra: ['-v debug=1'], granted: ['-v debug=1'] },
      'BOOT_ARGS_NOT_ALLOWED',
      ['-v debug=1'],
    ],
    [
      'two stored words of one key',
      { stored: 'serial=3 serial=1', granted: ['serial=1', 'serial=3'] },
      'BOOT_ARGS_FOREIGN',
      ['serial=3', 'serial=1'],
    ],
    [
      'a stored word that the policy asks for with another value',
      { stored: 'serial=3', extra: ['serial=1'], granted: ['serial=1', 'serial=3'] },
      'BOOT_ARGS_FOREIGN',
      ['serial=1', 'serial=3'],
    ],
    ['a name every object has', { extra: ['constructor'] }, 'BOOT_ARGS_NOT_ALLOWED', ['constructor']],
  ])('refuses %s', (_name, changes, code, words) => {
    expect(merge(changes)).toEqual({ ok: false, code, words });
  });

  it('counts bytes, not characters', () => {
    const word = 'é'.repeat(500);
    expect(word.length + OWN.length).toBeLessThan(BOOT_ARGS_BYTES_MAX);
    expect(merge({ stored: word, granted: [word] })).toMatchObject({ ok: false, code: 'BOOT_ARGS_TOO_LONG' });
  });

  const anyWord = fc.oneof(
    fc.constantFrom('-v', 'a=1', 'a=2', 'b', 'debug=1', 'cs_enforcement_disable=1', 'hypervisor=0', 'kcsuffix=x'),
    fc.stringMatching(/^[a-z_]{1,8}=[0-9a-fx]{0,4}$/),
  );
  const anyInput = fc.record({
    stored: fc.option(fc.array(anyWord, { maxLength: 8 }).map((words) => words.join(' '))),
    quota: fc.constantFrom(2, 3, 255),
    extra: fc.uniqueArray(anyWord, { maxLength: 3 }),
    granted: fc.array(anyWord, { maxLength: 8 }),
  });

  it('gives a line with the quota, each key once, only words agreed on, and the same line again', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const merged = mergeBootArgs(input);
        expect(merged.ok || merged.words.length > 0).toBe(true);
        if (!merged.ok) return;
        const args = parseBootArgs(merged.line);
        expect(new Set(args.map(({ key }) => key)).size).toBe(args.length);
        expect(args.some(({ key }) => isForbiddenArg(key))).toBe(false);
        if (input.quota > 2) expect(quotaInBootArgs(merged.line)).toBe(input.quota);
        const agreed = new Set([...quotaWords(input.quota), ...input.extra, ...input.granted]);
        expect(args.every(({ word }) => agreed.has(word))).toBe(true);
        expect(mergeBootArgs({ ...input, stored: merged.line })).toEqual(merged);
      }),
      { numRuns: 2000 },
    );
  });

  it('deletes nothing silently: every foreign word of the stored line stands in the new one', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const merged = mergeBootArgs(input);
        if (!merged.ok) return;
        const kept = parseBootArgs(merged.line).map(({ word }) => word);
        for (const word of extraWords(input.stored ?? '')) expect(kept).toContain(word);
      }),
      { numRuns: 2000 },
    );
  });
});
