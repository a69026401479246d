/** For tests: a booted simulated Mac, its programs, a KDK image on it, and the captured texts. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMac } from '../create.ts';
import { bootMac } from '../power.ts';
import { recordingIo } from './io.ts';
import { type KdkOptions, writeKdkImage } from './kdk-image.ts';
import { writePace } from './pace.ts';
import { type DoingTool, runProgram } from './programs.ts';

const CAPTURES = new URL('../../../../test/fixtures/macos/', import.meta.url);

export function capture(name: string): string {
  return readFileSync(new URL(name, CAPTURES), 'utf8');
}

export interface Result {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class TestMac {
  readonly root = join(mkdtempSync(join(tmpdir(), 'doing-')), 'mac');
  readonly version: string;
  readonly build: string;

  constructor(version = '14.5', build = '23F79', variant = 'T6020') {
    this.version = version;
    this.build = build;
    createMac(this.root, { variant, version, build, id: 'doing-test' });
    bootMac(this.root, new Date('2026-11-01T08:00:00Z'));
    writePace(this.root, { kmutilCreateMs: 0, installerMs: 0 });
  }

  async run(tool: DoingTool, ...args: string[]): Promise<Result> {
    const io = recordingIo();
    const status = await runProgram(tool, { root: this.root, args, io });
    return { status, stdout: io.stdout, stderr: io.stderr };
  }

  /** Writes the image into /Users/Shared and returns its path on the Mac. */
  image(options: Partial<KdkOptions> = {}): string {
    const { path } = writeKdkImage(join(this.root, 'Users/Shared'), {
      os: this.version,
      build: this.build,
      variants: ['T6020'],
      ...options,
    });
    return path.slice(this.root.length);
  }

  /** Attaches, installs and detaches. */
  async installKdk(options: Partial<KdkOptions> = {}): Promise<void> {
    await this.run('hdiutil', 'attach', '-nobrowse', '-readonly', '-mountpoint', '/tmp/kdk', this.image(options));
    await this.run('installer', '-pkg', '/tmp/kdk/KernelDebugKit.pkg', '-target', '/');
    await this.run('hdiutil', 'detach', '/tmp/kdk');
  }

  remove(): void {
    rmSync(join(this.root, '..'), { recursive: true, force: true });
  }
}
