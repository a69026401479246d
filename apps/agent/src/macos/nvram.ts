/**
 * nvram: stored variables of the machine. Seen: macOS 11 to 26. Unset is exit status 1 and "data was not found",
 * on stderr as a rule; set but empty is possible too. Name and value are parted by a TAB. Writes are refused while SIP is on.
 */
import { known, type Reading, unknown } from './reading.ts';
import { linesOf, quote, uuidOf } from './text.ts';
import { type Output, readTool, type ToolContext } from './tool.ts';

export const NVRAM = '/usr/sbin/nvram';
const nvramGetArgs = (name: string): readonly string[] => [name];
export const nvramSetArgs = (name: string, value: string): readonly string[] => [`${name}=${value}`];
export const nvramDeleteArgs = (name: string): readonly string[] => ['-d', name];
/** Writes are buffered; this saves them. */
export const nvramSyncArgs = (): readonly string[] => ['-s'];

export type NvramVariable = { readonly present: true; readonly value: string } | { readonly present: false };

export type NvramRefusal = 'NOT_PERMITTED' | 'GENERAL_ERROR';

export function readNvram(context: ToolContext, name: string): Promise<Reading<NvramVariable>> {
  return readTool(context, { path: NVRAM, args: nvramGetArgs(name) }, (output) => parseNvram(output, name));
}

export function parseNvram({ stdout, stderr }: Output, name: string): Reading<NvramVariable> {
  for (const line of linesOf(stdout)) {
    const rest = line.startsWith(name) ? line.slice(name.length) : null;
    if (rest === null || !(rest === '' || /^[\t ]/.test(rest))) continue;
    const value = decode(rest.trim());
    // Merged and written back, a guess at such bytes would change them.
    if (value.includes('\uFFFD')) return unknown(`nvram ${name} holds bytes that are no text`);
    return known({ present: true, value });
  }
  const isUnset = (line: string) => /^\s*nvram: .*data was not found/.test(line) && line.includes(name);
  if (linesOf(`${stderr}\n${stdout}`).some(isUnset)) return known({ present: false });
  return unknown(`nvram did not say ${name}: ${quote(stderr, stdout)}`);
}

/** Why a write was refused; null when the text names no refusal. */
export function parseNvramRefusal({ stderr, stdout }: Pick<Output, 'stdout' | 'stderr'>): NvramRefusal | null {
  const text = `${stderr}\n${stdout}`;
  if (/Error setting variable.*not permitted/.test(text)) return 'NOT_PERMITTED';
  return /Error setting variable/.test(text) ? 'GENERAL_ERROR' : null;
}

/** `boot-volume` = three UUIDs; the last is the volume group of the default startup volume. */
export function bootVolumeGroup(value: string): string | null {
  const parts = value.split(':');
  return parts.length === 3 ? uuidOf(parts[2]) : null;
}

/** nvram prints a byte that is not printable, and `%` itself, as `%25`. Some tools store a text with the NUL that ends it. */
function decode(value: string): string {
  const runs = value.replace(/(?:%[0-9a-fA-F]{2})+/g, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
  );
  return runs.replace(/\0+$/, '');
}
