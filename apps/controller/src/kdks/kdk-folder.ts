import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type KdkFile, KdkFiles } from '../agents/kdk-files.ts';
import { Problem } from '../common/problem.ts';

export const KDK_BYTES_MAX = 4 * 1024 ** 3;
const SHA256 = /^[0-9a-f]{64}$/;
/** A part that was not written for this long belongs to an upload that was cut off. */
const PART_ABANDONED_MS = 60 * 60_000;

/** KDK images as files named by their sha256. A file with that name is whole and has that sum. Controllers may share the folder. */
export class KdkFolder extends KdkFiles {
  /** `shared`: other controllers write into this folder too (`--kdk-dir`). */
  constructor(
    private readonly folder: string,
    private readonly shared = false,
  ) {
    super();
  }

  /** Makes the folder and removes what an upload left half done. Call it once, before anything is written. */
  async prepare(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const parts = (await readdir(this.folder)).filter((name) => name.endsWith('.part'));
    for (const part of parts)
      if (!this.shared || (await isAbandoned(join(this.folder, part))))
        await rm(join(this.folder, part), { force: true });
  }

  async open(sha256: string): Promise<KdkFile | null> {
    if (!SHA256.test(sha256)) return null;
    const path = join(this.folder, sha256);
    try {
      const { size } = await stat(path);
      return { path, sizeBytes: size };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  async remove(sha256: string): Promise<void> {
    await rm(join(this.folder, sha256), { force: true });
    await syncFolder(this.folder);
  }

  /** Writes the bytes beside, compares their sum, and only then gives them their name. */
  async save(bytes: AsyncIterable<Uint8Array>, sha256: string): Promise<KdkFile> {
    const path = join(this.folder, sha256);
    const part = `${path}.${randomBytes(6).toString('hex')}.part`;
    try {
      const { size, sum } = await writePart(part, bytes);
      if (sum !== sha256)
        throw new Problem(
          'VALIDATION_FAILED',
          `The bytes are not what was announced: expected sha256 ${sha256}, seen ${sum}.`,
        );
      await rename(part, path);
      await syncFolder(this.folder);
      return { path, sizeBytes: size };
    } catch (error) {
      throw isFull(error) ? new Problem('STORAGE_FULL', `There is no room for the image in ${this.folder}.`) : error;
    } finally {
      await rm(part, { force: true });
    }
  }
}

function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** In a shared folder another controller may be writing it right now. */
async function isAbandoned(path: string): Promise<boolean> {
  const known = await stat(path).catch(() => null);
  return known !== null && Date.now() - known.mtimeMs > PART_ABANDONED_MS;
}

async function writePart(part: string, bytes: AsyncIterable<Uint8Array>): Promise<{ size: number; sum: string }> {
  const hash = createHash('sha256');
  const file = await open(part, 'wx', 0o600);
  let size = 0;
  try {
    for await (const chunk of bytes) {
      size += chunk.length;
      if (size > KDK_BYTES_MAX)
        throw new Problem('PAYLOAD_TOO_LARGE', `A KDK image has at most ${KDK_BYTES_MAX} bytes.`, {
          bytesMax: KDK_BYTES_MAX,
        });
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { size, sum: hash.digest('hex') };
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
