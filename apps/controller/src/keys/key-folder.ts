/**
 * The folder that holds this controller's keys: 0700, files 0600, each file written whole or not at all.
 * A key that others on this machine can read is refused, because a copy may be out already.
 */
import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

export class KeyFolder {
  private constructor(readonly path: string) {}

  static async open(path: string): Promise<KeyFolder> {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await chmod(path, 0o700);
    return new KeyFolder(path);
  }

  /** The file's text; null when there is none. */
  async read(name: string): Promise<string | null> {
    const path = join(this.path, name);
    const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (file === null) return null;
    try {
      await refuseReadableByOthers(path);
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  }

  /** Makes the file unless another process was first; gives what lies there now, so that both use the same key. */
  async create(name: string, text: string): Promise<string> {
    const temporary = await this.writeTemporary(text);
    try {
      await link(temporary, join(this.path, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      await rm(temporary, { force: true });
    }
    await this.sync();
    const lying = await this.read(name);
    if (lying === null) throw new Error(`${join(this.path, name)} vanished while it was made`);
    return lying;
  }

  async replace(name: string, text: string): Promise<void> {
    await rename(await this.writeTemporary(text), join(this.path, name));
    await this.sync();
  }

  private async writeTemporary(text: string): Promise<string> {
    const path = join(this.path, `.${randomBytes(8).toString('hex')}.tmp`);
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    return path;
  }

  /** A rename is only safe on disk once the folder is. */
  private async sync(): Promise<void> {
    const folder = await open(this.path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}

async function refuseReadableByOthers(path: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0) return;
  const seen = (mode & 0o777).toString(8).padStart(4, '0');
  throw new Error(
    `${path} can be read by others: expected mode 0600, seen ${seen}. Find out who read it, then chmod 600.`,
  );
}
