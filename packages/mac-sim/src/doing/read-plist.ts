/** Reads the XML property lists that the simulator writes: dict, array, string, integer, true, false. */

export type PlistNode = string | number | boolean | readonly PlistNode[] | { readonly [key: string]: PlistNode };

const SIZE_MAX = 1024 * 1024;

export function readPlist(text: string): PlistNode {
  if (text.length > SIZE_MAX) throw new TypeError(`property list of ${text.length} characters is over the limit`);
  const start = text.indexOf('<plist');
  if (start === -1) throw new TypeError('not an XML property list');
  const tokens = [
    ...text
      .slice(start)
      .matchAll(/<(string|key|integer)>([^<]*)<\/\1>|<(\/?(?:dict|array)|(?:true|false|dict|array|string)\/)>/g),
  ];
  let at = 0;
  const value = (): PlistNode => {
    const [, kind, content = '', tag] = tokens[at++] ?? [];
    if (kind === 'string') return unescapeXml(content);
    if (kind === 'integer') return Number(content);
    if (tag === 'true/' || tag === 'false/') return tag === 'true/';
    if (tag === 'string/') return '';
    if (tag === 'array/') return [];
    if (tag === 'dict/') return {};
    if (tag === 'array') return list();
    if (tag === 'dict') return dictionary();
    throw new TypeError('property list is damaged');
  };
  const list = (): PlistNode[] => {
    const items: PlistNode[] = [];
    while (tokens[at]?.[3] !== '/array') items.push(value());
    at += 1;
    return items;
  };
  const dictionary = (): Record<string, PlistNode> => {
    const entries: [string, PlistNode][] = [];
    while (tokens[at]?.[3] !== '/dict') {
      const [, kind, key = ''] = tokens[at++] ?? [];
      if (kind !== 'key') throw new TypeError('property list is damaged');
      entries.push([unescapeXml(key), value()]);
    }
    at += 1;
    return Object.fromEntries(entries);
  };
  return value();
}

/** The value of a top-level key when it is a string. */
export function plistString(node: PlistNode, key: string): string | null {
  if (typeof node !== 'object' || Array.isArray(node)) return null;
  const value = (node as { readonly [key: string]: PlistNode })[key];
  return typeof value === 'string' ? value : null;
}

/** The keys of a dictionary below a top-level key; none when it is not there. */
export function plistKeys(node: PlistNode, key: string): string[] {
  if (typeof node !== 'object' || Array.isArray(node)) return [];
  const value = (node as { readonly [key: string]: PlistNode })[key];
  return typeof value === 'object' && !Array.isArray(value) ? Object.keys(value) : [];
}

function unescapeXml(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}
