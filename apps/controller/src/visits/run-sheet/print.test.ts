// Goal: each sheet prints on exactly one page of A4, however long the names on it are. A real browser lays it out.
import { execFile } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { breakGlass, type Sheet } from '@headroom/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostile, ofKind, plain } from './example.ts';
import { runSheet } from './run-sheet.ts';
import { sheetHtml, sheetsHtml } from './sheet-html.ts';
import { SHEET_KINDS } from './sheet-input.ts';

const CHROMIUM = '/usr/bin/chromium';
const missing = isMissing() ? `: skipped, needs chromium (Debian: chromium)` : '';
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'headroom-print-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

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

async function pagesOf(html: string): Promise<number> {
  const [page, pdf] = [join(folder, 'sheet.html'), join(folder, 'sheet.pdf')];
  writeFileSync(page, html);
  const options = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--no-pdf-header-footer',
    `--user-data-dir=${folder}/profile`,
  ];
  await promisify(execFile)(CHROMIUM, [...options, `--print-to-pdf=${pdf}`, `file://${page}`], { timeout: 50_000 });
  const counts = [...readFileSync(pdf, 'latin1').matchAll(/\/Type\s*\/Page\b(?!s)/g)];
  return counts.length;
}

function isMissing(): boolean {
  try {
    accessSync(CHROMIUM, constants.X_OK);
    return false;
  } catch {
    return true;
  }
}
