/** A disk of its own, small enough to be full: a tmpfs over a folder. Only root may mount one; elsewhere the test is skipped by name. */
import { spawnSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const SMALL_DISK_NEEDED = 'needs Linux and root, to mount a small disk';

export class SmallDisk {
  private constructor(readonly path: string) {}

  /** Null where mounting is not allowed. */
  static mount(path: string, megabytes: number): SmallDisk | null {
    if (process.platform !== 'linux') return null;
    const options = `size=${megabytes}m,mode=700`;
    const { status } = spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'ignore' });
    return status === 0 ? new SmallDisk(path) : null;
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Takes what is left, to the last block. */
  fill(): void {
    writeFileSync(this.filler, Buffer.alloc(this.freeBytes));
  }

  makeRoom(): void {
    rmSync(this.filler, { force: true });
  }

  unmount(): void {
    spawnSync('/bin/umount', ['-l', this.path], { stdio: 'ignore' });
  }

  private get filler(): string {
    return join(this.path, 'filler');
  }
}
