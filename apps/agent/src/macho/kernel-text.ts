/** Looks for texts in a kernel's segments, piece by piece: its version, and the boot argument that replaces the quota. */
import { QUOTA_ARG } from '@headroom/core';
import type { FileRange } from './commands.ts';
import type { Window } from './window.ts';

const PIECE_BYTES = 1024 * 1024;
/** Pieces overlap by this much, so that a text of up to this length is whole in one of them. */
const TEXT_BYTES_MAX = 512;

const VERSION_MARK = Buffer.from('Darwin Kernel Version ');
const VERSION = /^Darwin Kernel Version [0-9][0-9.]*:[ -~]{1,400}\/[A-Za-z0-9_.-]+/;

/** `Darwin Kernel Version 23.5.0: ...; root:xnu-.../DEVELOPMENT_ARM64_T6020`; null when the segments hold none. */
export function findKernelVersion(window: Window, ranges: readonly FileRange[]): Promise<string | null> {
  return search(window, ranges, VERSION_MARK, (text) => VERSION.exec(text)?.[0] ?? null);
}

/** Does the kernel know the boot argument of the quota? A build without it can't be raised. */
export async function namesQuotaArgument(window: Window, ranges: readonly FileRange[]): Promise<boolean> {
  return (await search(window, ranges, Buffer.from(QUOTA_ARG), () => true)) ?? false;
}

async function search<T>(
  window: Window,
  ranges: readonly FileRange[],
  mark: Buffer,
  accept: (text: string) => T | null,
): Promise<T | null> {
  for (const { offset, length } of ranges) {
    if (!Number.isSafeInteger(offset) || offset >= window.size) continue;
    const end = Math.min(window.size, offset + length);
    for (let at = offset; at < end; at += PIECE_BYTES) {
      const piece = await window.read(at, Math.min(PIECE_BYTES + TEXT_BYTES_MAX, end - at), 'segment');
      const found = searchPiece(piece, mark, accept);
      if (found !== null) return found;
    }
  }
  return null;
}

/** A mark in the overlap is left to the next piece, where its text is whole. */
function searchPiece<T>(piece: Buffer, mark: Buffer, accept: (text: string) => T | null): T | null {
  for (let at = piece.indexOf(mark); at >= 0 && at < PIECE_BYTES; at = piece.indexOf(mark, at + 1)) {
    const found = accept(piece.toString('latin1', at, at + TEXT_BYTES_MAX));
    if (found !== null) return found;
  }
  return null;
}
