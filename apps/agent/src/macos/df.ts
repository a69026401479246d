/**
 * df: room on the file system of a folder, for volumes that are not APFS (an attached image). For APFS diskutil's
 * container figure counts: df knows neither purgeable space nor snapshots. Seen: macOS 11 to 26, `-kP`.
 * No step writes to such a volume, so nothing asks for it; it is kept as the tool's parser, held to its captures.
 */
import { known, type Reading, unknown } from './reading.ts';
import { linesOf, quote } from './text.ts';
import type { Output } from './tool.ts';

export const DF = '/bin/df';
export const dfArgs = (folder: string): readonly string[] => ['-kP', folder];

export interface FileSystemRoom {
  readonly device: string;
  readonly sizeBytes: number;
  readonly availableBytes: number;
}

export function parseDf({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<FileSystemRoom> {
  for (const line of linesOf(stdout)) {
    const match = /^(\S.*?)\s+([0-9]{1,15})\s+([0-9]{1,15})\s+([0-9]{1,15})\s+[0-9]+%\s+\/.*$/.exec(line);
    if (match === null) continue;
    return known({
      device: match[1] ?? '',
      sizeBytes: Number(match[2]) * 1024,
      availableBytes: Number(match[4]) * 1024,
    });
  }
  return unknown(`df printed no file system: ${quote(stderr, stdout)}`);
}
