import { expect, it } from 'vitest';
import { parsePlist } from './plist.ts';
import { toPlist } from './plist-write.ts';

it('is read back as it was written, without what is null', () => {
  const value = {
    text: 'a < b & "c"\n>',
    yes: true,
    no: false,
    count: 7,
    list: ['x', { deep: '' }],
    none: null,
    '&': '',
  };
  expect(parsePlist(toPlist(value))).toEqual({
    ok: true,
    value: { text: 'a < b & "c"\n>', yes: true, no: false, count: 7, list: ['x', { deep: '' }], '&': '' },
  });
});

it('writes no character that XML forbids', () => {
  expect(toPlist('a\0b\u001bc\ud800d')).toContain('<string>a\uFFFDb\uFFFDc\uFFFDd</string>');
});
