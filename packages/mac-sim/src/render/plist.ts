/** Writes property lists in the layout of macOS tools: tabs, sorted as given. */

export type PlistValue =
  | string
  | boolean
  | { readonly integer: number }
  | readonly PlistValue[]
  | { readonly dict: readonly (readonly [key: string, value: PlistValue])[] };

const HEAD =
  '<?xml version="1.0" encoding="UTF-8"?>\n' +
  '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n' +
  '<plist version="1.0">\n';

export function plist(root: PlistValue): string {
  return `${HEAD}${element(root, 0)}</plist>\n`;
}

/** The keys keep their order; a value of `undefined` leaves its key out. */
export function dict(entries: Readonly<Record<string, PlistValue | undefined>>): PlistValue {
  return {
    dict: Object.entries(entries).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])),
  };
}

export function integer(value: number): PlistValue {
  return { integer: value };
}

function element(value: PlistValue, depth: number): string {
  const indent = '\t'.repeat(depth);
  if (typeof value === 'string') return `${indent}<string>${escapeXml(value)}</string>\n`;
  if (typeof value === 'boolean') return `${indent}<${value}/>\n`;
  if ('integer' in value) return `${indent}<integer>${value.integer}</integer>\n`;
  if ('dict' in value) {
    const body = value.dict.map(
      ([key, each]) => `${indent}\t<key>${escapeXml(key)}</key>\n${element(each, depth + 1)}`,
    );
    return `${indent}<dict>\n${body.join('')}${indent}</dict>\n`;
  }
  if (value.length === 0) return `${indent}<array/>\n`;
  return `${indent}<array>\n${value.map((each) => element(each, depth + 1)).join('')}${indent}</array>\n`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
