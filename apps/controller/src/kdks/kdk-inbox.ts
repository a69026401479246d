import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { logger } from '../common/log.ts';
import { Problem } from '../common/problem.ts';
import type { Kdks } from './kdks.ts';

const log = logger('kdk-inbox');
const SUM_FILE_BYTES_MAX = 4096;

/**
 * Watch folder `stateDir/kdk-inbox`: an image with `<name>.sha256` beside it is taken into the catalogue once its size has
 * stayed the same from one look to the next. A refused one is renamed to `<name>.refused`, with the reason in the log.
 */
export class KdkInbox {
  readonly folder: string;
  /** Size at the last look, by name. */
  private readonly sizes = new Map<string, number>();

  constructor(
    stateDir: string,
    private readonly kdks: Kdks,
  ) {
    this.folder = join(stateDir, 'kdk-inbox');
  }

  async prepare(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
  }

  /** Looks once; returns the names that were taken. */
  async scanOnce(): Promise<readonly string[]> {
    const names = await readdir(this.folder);
    const ready: string[] = [];
    for (const name of names.filter((one) => one.endsWith('.dmg') && names.includes(`${one}.sha256`)).sort()) {
      const { size } = await stat(join(this.folder, name));
      if (this.sizes.get(name) === size) ready.push(name);
      this.sizes.set(name, size);
    }
    const taken: string[] = [];
    for (const name of ready) if (await this.take(name)) taken.push(name);
    return taken;
  }

  private async take(name: string): Promise<boolean> {
    const path = join(this.folder, name);
    this.sizes.delete(name);
    try {
      const sha256 = await readSum(`${path}.sha256`);
      await this.kdks.add({ fileName: name, sha256, bytes: createReadStream(path), actor: 'system:kdk-inbox' });
      await rm(path);
      await rm(`${path}.sha256`, { force: true });
      log(`${name} taken into the catalogue`);
      return true;
    } catch (error) {
      // What is wrong with the file stays wrong; anything else (a full disk, a database that is away) is tried again.
      if (!(error instanceof Problem) || error.code === 'STORAGE_FULL') throw error;
      await rename(path, `${path}.refused`);
      log(`${name} refused: ${error.message}`);
      return false;
    }
  }
}

/** The first word of the file, as `shasum -a 256` and `sha256sum` write it. */
async function readSum(path: string): Promise<string> {
  const { size } = await stat(path);
  const text = size > SUM_FILE_BYTES_MAX ? '' : await readFile(path, 'utf8');
  const sum = text.trim().split(/\s+/, 1)[0]?.toLowerCase() ?? '';
  if (/^[0-9a-f]{64}$/.test(sum)) return sum;
  throw new Problem('VALIDATION_FAILED', `${path}: expected a sha256 of 64 hex digits as its first word.`);
}
