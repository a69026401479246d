/** sw_vers: version and build of macOS. Seen: 10.15 to 27; ProductVersionExtra only while a rapid response is installed. */
import { firstReading, known, type Reading, unknown } from './reading.ts';
import { BUILD_PATTERN, linesOf, quote } from './text.ts';
import { type Output, readTool, type ToolContext } from './tool.ts';

const SW_VERS = '/usr/bin/sw_vers';
const swVersArgs = (): readonly string[] => [];

export interface SystemVersion {
  readonly version: string;
  readonly build: string;
  /** `(c)`; "" when no rapid response is installed. */
  readonly extra: string;
}

export function readSwVers(context: ToolContext): Promise<Reading<SystemVersion>> {
  return readTool(context, { path: SW_VERS, args: swVersArgs() }, parseSwVers);
}

export function parseSwVers({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<SystemVersion> {
  return firstReading([stdout, stderr], (text) => versionIn(text, quote(stdout, stderr)));
}

function versionIn(text: string, printed: string): Reading<SystemVersion> {
  const fields = new Map<string, string>();
  for (const line of linesOf(text)) {
    const match = /^\s*(ProductVersion|ProductVersionExtra|BuildVersion)\s*:\s*(.*?)\s*$/.exec(line);
    if (match?.[1] !== undefined && !fields.has(match[1])) fields.set(match[1], match[2] ?? '');
  }
  const version = fields.get('ProductVersion') ?? '';
  const build = fields.get('BuildVersion') ?? '';
  if (!/^[0-9]+(\.[0-9]+){0,3}$/.test(version) || !BUILD_PATTERN.test(build))
    return unknown(`sw_vers printed no version and build: ${printed}`);
  return known({ version, build, extra: fields.get('ProductVersionExtra') ?? '' });
}

/** true for the build of a rapid or background response: its own build has no KDK. */
export function isResponseBuild({ build, extra }: SystemVersion): boolean {
  return extra !== '' || /^[0-9]+[A-Z][0-9]{6}[a-z]?$/.test(build);
}
