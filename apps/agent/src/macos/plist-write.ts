/** Writes an XML property list, for readers on the Mac. A null has no place in one: the key is left out. */
export type Writable = string | number | boolean | null | readonly Writable[] | { readonly [key: string]: Writable };

const HEAD = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
`;

export function toPlist(value: Writable): string {
  return `${HEAD}<plist version="1.0">\n${element(value, '')}</plist>\n`;
}

function element(value: Writable, indent: string): string {
  if (value === null) return '';
  if (typeof value === 'string') return `${indent}<string>${escaped(value)}</string>\n`;
  if (typeof value === 'boolean') return `${indent}<${value}/>\n`;
  if (typeof value === 'number')
    return Number.isSafeInteger(value) ? `${indent}<integer>${value}</integer>\n` : `${indent}<real>${value}</real>\n`;
  const deeper = `${indent}\t`;
  if (isList(value))
    return `${indent}<array>\n${value.map((item) => element(item, deeper)).join('')}${indent}</array>\n`;
  const rows = Object.entries(value).flatMap(([key, item]) =>
    item === null ? [] : [`${deeper}<key>${escaped(key)}</key>\n${element(item, deeper)}`],
  );
  return `${indent}<dict>\n${rows.join('')}${indent}</dict>\n`;
}

function isList(value: Writable): value is readonly Writable[] {
  return Array.isArray(value);
}

/** Control characters cannot be written in XML at all. */
function escaped(text: string): string {
  const printable = text.replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD');
  return printable.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
