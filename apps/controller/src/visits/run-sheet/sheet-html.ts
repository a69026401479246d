/**
 * Sheets as pages of HTML for A4, black on white: one page each; larger on a screen, down to a phone's.
 * Guarantee: every value is escaped; no script, no address that a browser would fetch, and a policy that forbids both.
 */
import type { Sheet, SheetItem, SheetSection } from '@headroom/core';
import { qrSvg } from './qr.ts';

const STYLE = `@page{size:A4;margin:8mm 11mm}*{box-sizing:border-box}
body{margin:0 auto;max-width:190mm;font:8.2pt/1.19 Helvetica,Arial,sans-serif;color:#000;background:#fff;overflow-wrap:anywhere}
h1{font-size:14pt;line-height:1.1;margin:0 0 1.5mm}h2{font-size:9pt;margin:1.5mm 0 .4mm;border-bottom:.3pt solid #000}
table{border-collapse:collapse}th{text-align:left;font-weight:400;color:#444;padding:0 3mm 0 0;white-space:nowrap;vertical-align:top}
td{padding:0}ol,ul{margin:0;padding-left:5mm}li{margin:0}
code{display:block;margin:.3mm 0 .5mm;padding:.4mm 1.5mm;border:.6pt solid #000;font:bold 9.5pt/1.25 Menlo,Consolas,"DejaVu Sans Mono",monospace;break-inside:avoid}
article+article{break-before:page}svg{float:right;width:24mm;height:24mm;margin:-1mm -1mm 1mm 3mm}
footer{margin-top:2mm;font-size:7.4pt;color:#444}
@media screen{body{padding:6mm 4mm 12mm;font-size:11pt;line-height:1.4}h1{font-size:18pt;margin-bottom:3mm}h2{font-size:12.5pt;margin:6mm 0 1.5mm}
li{margin:.8mm 0}code{font-size:12pt;margin:1.5mm 0;padding:1.5mm 2mm}footer{margin-top:6mm;font-size:9pt}
article+article{margin-top:12mm;padding-top:6mm;border-top:2pt solid #000}}`;

const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

export function sheetHtml(sheet: Sheet): string {
  return sheetsHtml([sheet]);
}

/** Many sheets as one document, to be printed at once; each begins a page. */
export function sheetsHtml(sheets: readonly Sheet[]): string {
  const title = sheets.length === 1 ? (sheets[0]?.title ?? '') : `${sheets.length} run sheets`;
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<meta http-equiv="Content-Security-Policy" content="${POLICY}">`,
    '<meta name="referrer" content="no-referrer">',
    `<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body>`,
    ...sheets.map(articleHtml),
    '</body></html>',
    '',
  ].join('\n');
}

function articleHtml({ title, about, sections, footer, link }: Sheet): string {
  const rows = about.map(
    ([label, value]) => `<tr><th scope="row">${escapeHtml(label)}</th><td>${escapeHtml(value)}</td></tr>`,
  );
  return [
    '<article>',
    ...(link == null ? [] : [qrSvg(link)]),
    `<h1>${escapeHtml(title)}</h1>`,
    `<table>${rows.join('')}</table>`,
    ...sections.map(sectionHtml),
    `<footer>${escapeHtml(footer)}</footer>`,
    '</article>',
  ].join('\n');
}

function sectionHtml({ title, numbered, items }: SheetSection): string {
  const list = numbered ? 'ol' : 'ul';
  return `<section><h2>${escapeHtml(title)}</h2><${list}>${items.map(itemHtml).join('')}</${list}></section>`;
}

function itemHtml(item: SheetItem): string {
  if (typeof item === 'string') return `<li>${escapeHtml(item)}</li>`;
  if ('when' in item) return `<li><b>${escapeHtml(item.when)}</b> → ${escapeHtml(item.answer)}</li>`;
  return `<li>${escapeHtml(item.text)}${item.type.map((line) => `<code>${escapeHtml(line)}</code>`).join('')}</li>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
