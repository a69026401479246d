/** Lines `key=value` of the visit kit's manifest and receipt: parsed, never run. The first of two equal keys counts, as in the scripts. */
export function parseKeyValues(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const at = line.indexOf('=');
    const key = line.slice(0, at);
    if (at > 0 && /^[a-z0-9-]{1,64}$/.test(key) && !values.has(key)) values.set(key, line.slice(at + 1));
  }
  return values;
}
