/**
 * Log file: the daemon writes its own, because launchd would hold a rotated one open for ever.
 * Guarantee: a line goes whole to the file that has this name now, also after newsyslog renamed the last one; the file never
 * grows over its limit, rotated by others or not; a line that cannot be written is lost and the agent goes on.
 */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { type Log, logLine } from './log.ts';

const FILE_BYTES_MAX = 16 * 1024 * 1024;
const STDERR_BYTES_MAX = 1024 * 1024;
const STDERR = 2;
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;

export function openLogFile(path: string, bytesMax = FILE_BYTES_MAX): Log {
  let file = openSync(path, FLAGS, 0o640);
  const reopen = (): void => {
    const old = file;
    file = openSync(path, FLAGS, 0o640);
    closeSync(old);
  };
  return (line) => {
    try {
      if (!isSameFile(file, path)) reopen();
      if (fstatSync(file).size >= bytesMax) {
        renameSync(path, `${path}.old`);
        reopen();
      }
      writeSync(file, logLine(line));
    } catch {
      // A full disk or a folder taken away: the work matters more than the word about it. The next line tries again.
    }
  };
}

/** Does this name still lead to the open file? */
function isSameFile(file: number, path: string): boolean {
  const named = statSync(path, { throwIfNoEntry: false });
  const opened = fstatSync(file);
  return named !== undefined && named.ino === opened.ino && named.dev === opened.dev;
}

/** launchd keeps the file for standard error open, so nothing can rotate it: what is too long is emptied at the start. */
export function capStderr(bytesMax = STDERR_BYTES_MAX): void {
  const status = fstatSync(STDERR);
  if (status.isFile() && status.size > bytesMax) ftruncateSync(STDERR);
}
