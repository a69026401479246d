/** Looks for texts in a kernel's segments, piece by piece: its version, and the boot argument that replaces the quota. */
import { QUOTA_ARG } from '@headroom/core';
import type { FileRange } from './commands.ts';
import type { Window } from './window.ts';

const PIECE_BYTES = 1024 * 1024;
/** Pieces overlap by this much, so that a text of up to this length is whole in one of them. */
const TEXT_BYTES_MAX = 512;

const VERSION_MARK = Buffer.from('Darwin Kernel Version ');
const VERSION_HEAD = /^Darwin Kernel Version [0-9][0-9.]*:/;
/** A kernel holds its version a few times; a file full of marks is none. */
const TRIES_MAX = 1000;

/** `Darwin Kernel Version 23.5.0: ...; root:xnu-.../DEVELOPMENT_ARM64_T6020`; null when the segments hold none. */
export function findKernelVersion(window: Window, ranges: readonly FileRange[]): Promise<string | null> {
  return search(window, ranges, VERSION_MARK, versionIn);
}

/** Up to the kernel's configuration, the last part of the line. One look at each byte, whatever the file holds. */
function versionIn(text: string): string | null {
  const end = text.search(/[^ -~]/);
  const line = end < 0 ? text : text.slice(0, end);
  const slash = line.lastIndexOf('/');
  const config = slash < 0 ? null : /^[A-Za-z0-9_.-]+/.exec(line.slice(slash + 1));
  return config === null || !VERSION_HEAD.test(line) ? null : line.slice(0, slash + 1) + config[0];
}

/** Does the kernel know the boot argument of the quota? A build without it can't be raised. */
export async function namesQuotaArgument(window: Window, ranges: readonly FileRange[]): Promise<boolean> {
  return (await search(window, ranges, Buffer.from(QUOTA_ARG), () => true)) ?? false;
}

/** Which of these texts stand in the ranges. */
export async function textsIn(
  window: Window,
  ranges: readonly FileRange[],
  texts: readonly string[],
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for await (const piece of pieces(window, ranges))
    for (const text of texts) if (!found.has(text) && piece.includes(text, 0, 'latin1')) found.add(text);
  return found;
}

async function search<T>(
  window: Window,
  ranges: readonly FileRange[],
  mark: Buffer,
  accept: (text: string) => T | null,
): Promise<T | null> {
  let tries = 0;
  for await (const piece of pieces(window, ranges)) {
    // A mark in the overlap is left to the next piece, where its text is whole.
    for (let at = piece.indexOf(mark); at >= 0 && at < PIECE_BYTES; at = piece.indexOf(mark, at + 1)) {
      const found = accept(piece.toString('latin1', at, at + TEXT_BYTES_MAX));
      if (found !== null) return found;
      tries += 1;
      if (tries === TRIES_MAX) return null;
    }
  }
  return null;
}

async function* pieces(window: Window, ranges: readonly FileRange[]): AsyncGenerator<Buffer> {
  for (const { offset, length } of ranges) {
    if (!Number.isSafeInteger(offset) || offset >= window.size) continue;
    const end = Math.min(window.size, offset + length);
    for (let at = offset; at < end; at += PIECE_BYTES)
      yield await window.read(at, Math.min(PIECE_BYTES + TEXT_BYTES_MAX, end - at), 'segment');
  }
}
