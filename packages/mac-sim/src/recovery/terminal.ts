/**
 * Asking on the terminal as Apple's tools do: questions and names on stdin, passwords on /dev/tty with echo off. What was
 * typed before a question stands becomes its answer, as on a Mac.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

const STTY = '/bin/stty';
const LINE_BYTES_MAX = 1024;

/** The next line of stdin; null at its end. */
export function askLine(prompt: string): string | null {
  writeSync(1, prompt);
  return readLine(0);
}

/** A line typed blind on /dev/tty; null when there is no terminal. */
export function askSecret(prompt: string): string | null {
  let tty: number;
  try {
    tty = openSync('/dev/tty', 'r+');
  } catch {
    return null;
  }
  try {
    execFileSync(STTY, ['-echo'], { stdio: [tty, 'ignore', 'ignore'] });
    writeSync(tty, prompt);
    return readLine(tty);
  } finally {
    execFileSync(STTY, ['echo'], { stdio: [tty, 'ignore', 'ignore'] });
    writeSync(tty, '\n');
    closeSync(tty);
  }
}

/** Byte by byte, so that nothing meant for the next question is taken. */
function readLine(file: number): string | null {
  const bytes: number[] = [];
  const one = Buffer.alloc(1);
  while (bytes.length < LINE_BYTES_MAX) {
    if (readSync(file, one, 0, 1, null) === 0) return bytes.length === 0 ? null : Buffer.from(bytes).toString('utf8');
    const byte = one[0] ?? 0;
    if (byte === 0x0a) break;
    bytes.push(byte);
  }
  return Buffer.from(bytes).toString('utf8');
}
