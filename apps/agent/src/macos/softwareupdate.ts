/**
 * softwareupdate: macOS updates that are offered. Seen: macOS 11 to 13 (layout kept since). Read from the last scan of
 * the system itself (`--no-scan`): a scan of our own takes a minute and needs Apple's servers.
 */
import { known, type Reading, unknown } from './reading.ts';
import { BUILD_PATTERN, linesOf, quote } from './text.ts';
import { type Output, readTool, type ToolContext } from './tool.ts';

const SOFTWAREUPDATE = '/usr/sbin/softwareupdate';
const softwareUpdateListArgs = (): readonly string[] => ['--list', '--no-scan'];

export interface OfferedUpdate {
  readonly label: string;
  readonly title: string;
  readonly version: string;
  /** From the end of the label (`macOS Ventura 13.3.1-22E261`); null when it ends in none. */
  readonly build: string | null;
}

export function readUpdates(context: ToolContext): Promise<Reading<readonly OfferedUpdate[]>> {
  const call = { path: SOFTWAREUPDATE, args: softwareUpdateListArgs(), timeoutMs: 60_000 };
  return readTool(context, call, parseSoftwareUpdate);
}

/** What names macOS or a build: others (Safari, Command Line Tools) change no kernel. */
export function parseSoftwareUpdate({
  stdout,
  stderr,
}: Pick<Output, 'stdout' | 'stderr'>): Reading<readonly OfferedUpdate[]> {
  const lines = linesOf(`${stdout}\n${stderr}`);
  const has = (pattern: RegExp) => lines.some((line) => pattern.test(line));
  if (has(/Scan finished with error|^\s*Can.t connect/))
    return unknown(`softwareupdate: ${quote(lines.find((line) => /error|connect/.test(line)) ?? '')}`);
  const updates = lines.flatMap((line, index) => offeredAt(line, lines[index + 1] ?? ''));
  const offered = lines.filter((line) => /^\s*\*\s*\S/.test(line));
  if (updates.length < offered.length)
    return unknown(`softwareupdate offers something in a form that is not known: ${quote(...offered)}`);
  if (updates.length > 0)
    return known(updates.filter(({ title, build }) => build !== null || title.startsWith('macOS ')));
  return has(/No (new software|updates?) (is |are )?available/)
    ? known([])
    : unknown(`softwareupdate: ${quote(stdout, stderr)}`);
}

function offeredAt(line: string, next: string): readonly OfferedUpdate[] {
  const label = /^\s*\*\s*Label:\s*(\S.*?)\s*$/.exec(line)?.[1];
  const fields = /^\s*Title:\s*(.*?),\s*Version:\s*(\S.*?)\s*,(?:\s|$)/.exec(next);
  if (label === undefined || fields === null) return [];
  const tail = label.slice(label.lastIndexOf('-') + 1);
  return [{ label, title: fields[1] ?? '', version: fields[2] ?? '', build: BUILD_PATTERN.test(tail) ? tail : null }];
}
