/**
 * Window: reads pieces of a file by offset and length.
 * Guarantee: a piece outside the file, or larger than the limit, is refused; at most one piece is in memory; all reads
 * together stay within a few times the file's size, so images that point at each other cost no more than honest ones.
 */
import type { FileHandle } from 'node:fs/promises';

/** The file is not what it should be; the message says what was expected and seen. */
export class MachOError extends Error {
  override readonly name = 'MachOError';
}

const PIECE_BYTES_MAX = 4 * 1024 * 1024;
const BUDGET_BASE_BYTES = 16 * 1024 * 1024;
const BUDGET_TIMES_SIZE = 3;

export class Window {
  private budget: number;

  constructor(
    private readonly file: FileHandle,
    readonly size: number,
  ) {
    this.budget = BUDGET_BASE_BYTES + size * BUDGET_TIMES_SIZE;
  }

  async read(offset: number, length: number, what: string): Promise<Buffer> {
    if (!Number.isSafeInteger(offset) || offset < 0 || length < 0 || offset + length > this.size)
      throw new MachOError(`${what} lies outside the file (${offset}+${length} of ${this.size} bytes)`);
    if (length > PIECE_BYTES_MAX) throw new MachOError(`${what} is larger than ${PIECE_BYTES_MAX} bytes (${length})`);
    this.budget -= length;
    if (this.budget < 0) throw new MachOError(`reading ${what} would take more than the whole file can need`);
    const bytes = Buffer.alloc(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.file.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) throw new MachOError(`${what} ends early: the file became shorter`);
      done += bytesRead;
    }
    return bytes;
  }
}
