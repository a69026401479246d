// Goal: the page tells a technician all there is to know, in the right order, and nothing that has to stay secret.
import { breakGlass, sheetText } from '@headroom/core';
import { describe, expect, it } from 'vitest';
import { hostile, ofKind, plain } from './example.ts';
import { runSheet } from './run-sheet.ts';
import { sheetHtml } from './sheet-html.ts';
import type { RunSheetInput } from './sheet-input.ts';

/** As one line of words: where lines end is another test's concern. */
const page = (input: RunSheetInput): string => sheetText(runSheet(input)).replace(/\s+/g, ' ');
const inOrder = (text: string, parts: readonly string[]): void => {
  const places = parts.map((part) => [part, text.indexOf(part)] as const);
  expect(places.filter(([, place]) => place < 0)).toEqual([]);
  expect(places).toEqual([...places].sort(([, a], [, b]) => a - b));
};

describe('the run sheet of a raise', () => {
  it('goes from the Mac over the why to the line, the questions and the remedies', () => {
    inOrder(page(plain), [
      ...['mini-7', 'C02XYZ', 'Mac14,12', 'Zürich', 'asset:4711', plain.host.url, plain.visit.id, 'kim'],
      ...['The kit lies on the Mac.', 'up to 16 macOS guests', 'Permissive', '2027-02-21 12:00 UTC'],
      ...['Running guests: none', 'Owner account: ada.', 'ask your password store for ada of C02XYZ', 'Recovery Lock'],
      ...['USB keyboard', 'Ethernet', 'About 15 minutes', 'FileVault is on', 'once, and again'],
      ...['wait until it is really off', 'in one motion', 'Utilities > Terminal', `end in ${'cd'.repeat(16)}`],
      ...['md5 /Volumes/*/Library/Headroom/raise', 'sh /Volumes/*/Library/Headroom/raise 7Q2MZ4K0TX'],
      ...['It will ask', 'unsigned operating systems', 'Restart now?', 'When it does not work', 'updatePreboot'],
      ...['pairing (17)', 'break-glass', 'German', '2026-11-23 12:00 UTC'],
    ]);
  });

  it('shows no code where there is none to show, and says who has it', () => {
    const without = { ...plain, visit: { ...plain.visit, code: null } };
    expect(page(without)).toContain('those who may open visits: ask them');
    expect(page(without)).toContain('raise CODE');
    const due = { ...plain, visit: { ...plain.visit, code: null, state: 'due' } };
    expect(page(due)).toContain('exists once the visit is opened');
    const closed = { ...plain, visit: { ...plain.visit, code: null, state: 'closed' } };
    expect(page(closed)).toContain('nothing is left to do in it');
  });

  it('says what is not known instead of leaving it out', () => {
    const text = page({ ...hostile, scriptMd5: null });
    for (const part of [
      'Its md5 is not known',
      'Running guests: not known',
      'If FileVault is on (not known)',
      'MDM is not known',
    ])
      expect(text).toContain(part);
  });

  it('warns of guests that run', () => {
    const facts = { ...plain.facts, guests: { ...plain.facts.guests, processesAtMost: 3 } };
    expect(page({ ...plain, facts })).toMatch(/up to 3 \(seen 2026-11-23 11:59 UTC\)\. Shut down only when none runs/);
  });
});

describe('the other visits', () => {
  it('a revert needs Internet and no code', () => {
    const text = page(ofKind(plain, 'revert'));
    inOrder(text, [
      'Full Security needs Internet',
      'Headroom/revert',
      'full boot security',
      'Code 102',
      'csrutil enable',
    ]);
    expect(text).toContain('Nothing is lowered');
    expect(text).not.toMatch(/Permissive|Headroom\/raise/);
  });

  it('a restart needs neither recoveryOS nor an account', () => {
    const text = page(ofKind(plain, 'restart'));
    expect(text).toContain('Apple menu > Restart');
    expect(text).not.toMatch(/Terminal|Owner account|csrutil/);
  });
});

describe('as HTML', () => {
  const sheets = [
    runSheet(plain),
    runSheet(hostile),
    breakGlass({ name: hostile.host.name, facts: hostile.facts, source: '<b>' }),
  ];

  it.each(sheets)('has only its own elements, no script and nothing to fetch: $title', (sheet) => {
    const html = sheetHtml(sheet);
    const elements = new Set([...html.matchAll(/<\/?([a-z0-9]+)/gi)].map(([, name = '']) => name));
    const own = 'html head meta title style body h1 h2 table tr th td section ol ul li b code footer'.split(' ');
    expect([...elements].filter((name) => !own.includes(name))).toEqual([]);
    expect(html).not.toMatch(/\s(?:src|href|on\w+)="|url\(|@import/);
    expect(html).toContain("default-src 'none'");
  });

  it('shows a hostile name as the text it is, on one line', () => {
    const html = sheetHtml(runSheet(hostile));
    expect(html).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp; WWW');
    expect(html).not.toContain('\u202e');
    expect(html).not.toContain('W'.repeat(161));
    expect(html).toContain('Its md5 is not known');
  });
});
