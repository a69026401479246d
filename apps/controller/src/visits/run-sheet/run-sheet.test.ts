// Goal: the page tells a technician all there is to know, in the right order, and nothing that has to stay secret.
import { breakGlass, sheetText } from '@headroom/core';
import decodeQR from 'qr/decode.js';
import { describe, expect, it } from 'vitest';
import { hostile, ofKind, plain } from './example.ts';
import { hostPage } from './read.ts';
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

describe('what admins keep of the place', () => {
  const at = (place: Partial<RunSheetInput['place']>, passwordUrl: string | null = null) =>
    page({ ...plain, place: { ...plain.place, ...place }, passwordUrl });

  it('stands on the page instead of a guess', () => {
    const text = at(
      {
        ...{ location: 'Basel', place: 'rack 7, shelf 2', placeType: 'rack', assetTag: '4711', ownerAccount: 'ada' },
        ...{ recoveryLock: 'yes', keyboardLayout: 'german', hasDisplay: true, hasKeyboard: false, needsEthernet: true },
      },
      'https://vault.example/C02XYZ',
    );
    inOrder(text, [
      ...['asset tag 4711', 'Basel, rack 7, shelf 2; rack', 'Owner account: ada, an owner by what the Mac says'],
      ...['Its password: https://vault.example/C02XYZ, before the shutdown', 'Recovery Lock: set'],
      ...['Bring a USB keyboard. There already: a display. Ethernet: a cable is needed here', 'rack sled'],
      ...['German keyboard there: / Shift-7, * Shift and +', 'as US: / left of the right Shift', 'y and z change'],
    ]);
    expect(text).not.toMatch(/password store|French/);
  });

  it('is said to be not known where nobody said it', () => {
    const text = at({});
    for (const part of [
      'asset tag not known',
      'type not known',
      'Recovery Lock: not known',
      'password store',
      'French',
    ])
      expect(text).toContain(part);
  });

  it('remote hands need no bag, and no hands is shouted', () => {
    expect(at({ placeType: 'remote_hands' })).toMatch(/the servo holds the button/);
    expect(at({ placeType: 'remote_hands' })).not.toMatch(/Bring a display/);
    expect(at({ placeType: 'no_hands' })).toMatch(/NOBODY GETS TO THIS MAC/);
  });

  it('names an account that the Mac does not know as an owner', () => {
    expect(at({ ownerAccount: 'bob' })).toMatch(/Owner account: bob, but the owners are by what the Mac says: ada/);
    expect(at({ recoveryLock: 'no' })).toMatch(/Recovery Lock: not set\./);
  });

  it.each(['us', 'uk', 'swiss_german', 'french', 'spanish', 'italian', 'swedish', 'japanese'] as const)(
    'knows where / and * are on a %s keyboard',
    (keyboardLayout) => expect(at({ keyboardLayout })).toMatch(/keyboard there: \/ .+, \* .+/),
  );
});

describe('the QR code', () => {
  const drawn = (html: string) => [...html.matchAll(/M(\d+) (\d+)h(\d+)v1h-\3z/g)].map(([, ...run]) => run.map(Number));

  it('leads to the page of the Mac, as a reader of such codes reads it', () => {
    const html = sheetHtml(runSheet(plain));
    const size = Number(/viewBox="0 0 (\d+) \1"/.exec(html)?.[1]);
    const scale = 4;
    const data = new Uint8Array((size * scale) ** 2 * 4).fill(255);
    for (const [x = 0, y = 0, length = 0] of drawn(html))
      for (let row = y * scale; row < (y + 1) * scale; row += 1)
        for (let column = x * scale; column < (x + length) * scale; column += 1)
          data.fill(0, (row * size * scale + column) * 4, (row * size * scale + column) * 4 + 3);
    expect(decodeQR({ width: size * scale, height: size * scale, data })).toBe(plain.host.pageUrl);
  });

  it('is not there without an address, and the page says why', () => {
    const html = sheetHtml(runSheet({ ...plain, host: { ...plain.host, pageUrl: null } }));
    expect(html).not.toContain('<svg');
    expect(html).toContain('no QR code: the controller was started without --public-url');
    expect(html).toContain(plain.host.url);
  });

  it('follows the template, or the path of the API', () => {
    const id = '01a20846-fe0a-71a6-9de6-0420ee586700';
    expect(hostPage('https://h.example/hosts/{id}#now', id)).toBe(`https://h.example/hosts/${id}#now`);
    expect(hostPage('https://h.example/base//', id)).toBe(`https://h.example/base/api/v1/hosts/${id}`);
    expect(hostPage(null, id)).toBeNull();
  });
});

describe('the other visits', () => {
  it('a recover begins with looking, then leads to the kernel of Apple', () => {
    const text = page(ofKind(plain, 'recover'));
    inOrder(text, [
      ...['Nothing is lowered', 'Look at the screen first', 'FileVault waits', 'Custom kernel failed to boot'],
      ...[
        'Login Items',
        'Hold the power button until the Mac is off',
        'Headroom/revert',
        'csrutil enable',
        'bputil -g -v',
      ],
    ]);
    expect(text).not.toMatch(/Permissive|Headroom\/raise/);
  });

  it('a revert needs Internet and no code', () => {
    const text = page(ofKind(plain, 'revert'));
    inOrder(text, [
      'Optional first, not proven',
      'sudo bputil -f -v',
      'macOS may refuse',
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
    const own =
      'html head meta title style body article svg path h1 h2 table tr th td section ol ul li b code footer'.split(' ');
    expect([...elements].filter((name) => !own.includes(name))).toEqual([]);
    expect(html).not.toMatch(/\s(?:src|href|on\w+)="|url\(|@import/);
    expect(html).toContain("default-src 'none'");
  });

  it('shows a hostile name as the text it is, on one line', () => {
    const html = sheetHtml(runSheet({ ...hostile, scriptMd5: '<b>' }));
    expect(html).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp; WWW');
    expect(html).not.toContain('\u202e');
    expect(html).not.toContain('W'.repeat(161));
    expect(html).toContain('Its md5 is not known');
  });
});
