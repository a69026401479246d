import { describe, expect, it } from 'vitest';
import { parsePlist, parsePlistDict } from './plist.ts';

const wrap = (body: string): string => `<?xml version="1.0"?>\n<plist version="1.0">${body}</plist>`;

describe('parsePlist', () => {
  it('reads every kind of value', () => {
    const text =
      wrap(`<dict><key>s</key><string>a &lt;b&gt; &amp; &#x41;&#66;</string><key>i</key><integer>-42</integer>
      <key>big</key><integer>18446744073709551615</integer><key>r</key><real>1.5</real><key>t</key><true/><key>f</key><false></false>
      <key>d</key><date>2024-05-01T20:12:39Z</date><key>x</key><data>
      aGk=
      </data><key>a</key><array><string/><array/><dict/></array><!-- note --></dict>`);
    expect(parsePlist(text)).toEqual({
      ok: true,
      value: {
        s: 'a <b> & AB',
        i: -42,
        big: 18446744073709551615n,
        r: 1.5,
        t: true,
        f: false,
        d: new Date('2024-05-01T20:12:39Z'),
        x: new Uint8Array([104, 105]),
        a: ['', [], {}],
      },
    });
  });

  it('skips lines before it and reads CRLF', () => {
    expect(parsePlist(`warning: x\r\n${wrap('<string>a</string>').replaceAll('\n', '\r\n')}`)).toEqual({
      ok: true,
      value: 'a',
    });
  });

  it.each([
    ['an entity of its own', '<!DOCTYPE plist [<!ENTITY a "b">]><plist><string>&a;</string></plist>', 'DTD of its own'],
    ['an unknown entity', wrap('<string>&a;</string>'), 'unknown entity'],
    ['a cut text', wrap('<dict><key>a</key><string>b').replace('</plist>', ''), 'does not end'],
    ['a value without key', wrap('<dict><string>a</string></dict>'), 'where a key was expected'],
    ['a key without value', wrap('<dict><key>a</key></dict>'), 'where a value was expected'],
    ['a number that is none', wrap('<integer>12x</integer>'), 'not an integer'],
    ['a date that is none', wrap('<date>2024-13-41T20:12:39Z</date>'), 'not a date'],
    ['text between values', wrap('<array>x<true/></array>'), 'no tag'],
    ['deep nesting', wrap('<array>'.repeat(5000)), 'deeper than'],
    ['many values', wrap(`<array>${'<true/>'.repeat(200_001)}</array>`), 'more than'],
    ['a binary plist', 'bplist00...', 'binary plist'],
    ['no plist', 'Could not find disk', 'no plist'],
  ])('refuses %s with a reason', (_what, text, reason) => {
    expect(parsePlist(text)).toEqual({ ok: false, reason: expect.stringContaining(reason) });
  });

  it('takes __proto__ as a mere key', () => {
    const dict = parsePlistDict(wrap('<dict><key>__proto__</key><dict><key>a</key><true/></dict></dict>'));
    expect(dict.ok && Object.keys(dict.value)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['a']).toBeUndefined();
  });
});
