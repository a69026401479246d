// Goal: each sheet prints on exactly one page of A4, however long the names on it are. A real browser lays it out.
import { accessSync, constants } from 'node:fs';
import { breakGlass, type Sheet } from '@headroom/core';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostile, ofKind, plain } from './example.ts';
import { runSheet } from './run-sheet.ts';
import { sheetHtml, sheetsHtml } from './sheet-html.ts';
import { SHEET_KINDS } from './sheet-input.ts';

const CHROMIUM = '/usr/bin/chromium';
const missing = isMissing() ? `: skipped, needs chromium (Debian: chromium)` : '';
let browser: Browser;
let page: Page;

/** Of all that can be said of the lock this is the longest. */
const locked = { ...hostile, place: { ...hostile.place, recoveryLock: 'yes' } } as const;

const SHEETS: readonly (readonly [string, Sheet])[] = [
  ...SHEET_KINDS.flatMap((kind) => [
    [`${kind}, plain`, runSheet(ofKind(plain, kind))] as const,
    [`${kind}, long names`, runSheet(ofKind(locked, kind))] as const,
  ]),
  ['break-glass, plain', breakGlass({ name: plain.host.name, facts: plain.facts, source: 'Printed by a test.' })],
  [
    'break-glass, long names',
    {
      ...breakGlass({ name: hostile.host.name, facts: hostile.facts, source: 'Printed by a test.' }),
      link: hostile.host.pageUrl,
    },
  ],
];

describe.skipIf(missing !== '')(`printed${missing}`, () => {
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
    page = await browser.newPage();
  });
  afterAll(() => browser?.close());

  it.each(SHEETS)('%s: one page', async (_name, sheet) => {
    expect(await pagesOf(sheetHtml(sheet))).toBe(1);
  });

  it('many sheets at once: one page each', async () => {
    expect(await pagesOf(sheetsHtml(SHEETS.slice(0, 5).map(([, sheet]) => sheet)))).toBe(5);
  });

  it('and two pages would be seen', async () => {
    const [, sheet] = SHEETS[0] ?? [];
    if (sheet === undefined) throw new Error('there is no sheet');
    expect(await pagesOf(sheetHtml({ ...sheet, sections: [...sheet.sections, ...sheet.sections] }))).toBe(2);
  });
});

/** Paper and margins are the sheet's own. */
async function pagesOf(html: string): Promise<number> {
  await page.setContent(html);
  const pdf = await page.pdf({ preferCSSPageSize: true });
  return [...pdf.toString('latin1').matchAll(/\/Type\s*\/Page\b(?!s)/g)].length;
}

function isMissing(): boolean {
  try {
    accessSync(CHROMIUM, constants.X_OK);
    return false;
  } catch {
    return true;
  }
}
