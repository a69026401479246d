/** ioreg: identity of the Mac from its device tree. Seen: macOS 12 to 26. */
import { known, type Reading, unknown } from './reading.ts';
import { linesOf, quote, uuidOf } from './text.ts';
import { type Output, readTool, type ToolContext } from './tool.ts';

const IOREG = '/usr/sbin/ioreg';
const ioregPlatformArgs = (): readonly string[] => ['-rd1', '-c', 'IOPlatformExpertDevice'];

export interface Platform {
  /** IOPlatformUUID, upper case. */
  readonly uuid: string | null;
  readonly serial: string | null;
  readonly model: string | null;
}

export function readPlatform(context: ToolContext): Promise<Reading<Platform>> {
  return readTool(context, { path: IOREG, args: ioregPlatformArgs() }, parseIoreg);
}

export function parseIoreg({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<Platform> {
  const lines = linesOf(stdout);
  if (!lines.some((line) => line.includes('IOPlatformExpertDevice')))
    return unknown(`ioreg printed no platform device: ${quote(stderr, stdout)}`);
  return known({
    uuid: uuidOf(property(lines, 'IOPlatformUUID')),
    serial: property(lines, 'IOPlatformSerialNumber'),
    model: property(lines, 'model'),
  });
}

/** `"name" = "text"` or `"name" = <"text">`; a value in hex or of several texts is not read. */
function property(lines: readonly string[], name: string): string | null {
  for (const line of lines) {
    const match = /^[\s|]*"([^"]+)"\s*=\s*<?"([^"]*)">?\s*$/.exec(line);
    if (match?.[1] === name && match[2] !== undefined && match[2] !== '') return match[2];
  }
  return null;
}
