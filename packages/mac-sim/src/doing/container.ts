/**
 * The container behind simulated disk images and packages: a magic line that says what it is, an index, then the bytes of
 * every file. Deterministic: the same files give the same bytes. A cut or foreign file is told apart from a whole one.
 */
import { createHash } from 'node:crypto';
import { chmodSync, closeSync, fstatSync, mkdirSync, openSync, readSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface ContainerFile {
  /** Relative, without `..`. */
  readonly path: string;
  readonly data: Buffer;
  readonly executable?: boolean;
}

export interface Container<Meta> {
  readonly meta: Meta;
  readonly files: readonly ContainerFile[];
}

export type ContainerKind = 'disk image' | 'package';

/** `unrecognized`: not such a container, or cut. `corrupt`: whole, but with changed bytes. */
export class ContainerError extends Error {
  override readonly name = 'ContainerError';
  readonly kind: 'unrecognized' | 'corrupt';
  constructor(kind: 'unrecognized' | 'corrupt', reason: string) {
    super(reason);
    this.kind = kind;
  }
}

interface Index {
  readonly meta: unknown;
  readonly files: readonly { readonly path: string; readonly size: number; readonly executable: boolean }[];
  /** sha256 over all bytes after the index. */
  readonly sha256: string;
}

const INDEX_SIZE_MAX = 4 * 1024 * 1024;
const CONTENT_SIZE_MAX = 1024 * 1024 * 1024;

function magic(kind: ContainerKind): Buffer {
  return Buffer.from(`Headroom simulated ${kind}, not Apple's\n`);
}

export function packContainer(kind: ContainerKind, { meta, files }: Container<unknown>): Buffer {
  const content = Buffer.concat(files.map(({ data }) => data));
  const index: Index = {
    meta,
    files: files.map(({ path, data, executable = false }) => ({ path, size: data.length, executable })),
    sha256: sha256(content),
  };
  const json = Buffer.from(JSON.stringify(index));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  return Buffer.concat([magic(kind), length, json, content]);
}

export function readContainer(kind: ContainerKind, path: string): Container<unknown> {
  const file = openSync(path, 'r');
  try {
    const size = fstatSync(file).size;
    const read = (offset: number, length: number): Buffer => {
      if (length > CONTENT_SIZE_MAX || offset + length > size) throw new ContainerError('unrecognized', 'it is cut');
      const bytes = Buffer.alloc(length);
      readSync(file, bytes, 0, length, offset);
      return bytes;
    };
    const start = magic(kind);
    if (!read(0, start.length).equals(start)) throw new ContainerError('unrecognized', `it is no simulated ${kind}`);
    const indexSize = read(start.length, 4).readUInt32LE();
    if (indexSize > INDEX_SIZE_MAX) throw new ContainerError('unrecognized', `its index has ${indexSize} bytes`);
    const index = parseIndex(read(start.length + 4, indexSize).toString());
    const contentStart = start.length + 4 + indexSize;
    const content = read(
      contentStart,
      index.files.reduce((sum, each) => sum + each.size, 0),
    );
    if (contentStart + content.length !== size) throw new ContainerError('corrupt', 'bytes follow its content');
    if (sha256(content) !== index.sha256) throw new ContainerError('corrupt', 'its checksum differs');
    let offset = 0;
    const files = index.files.map((each) => {
      const data = content.subarray(offset, offset + each.size);
      offset += each.size;
      return { path: each.path, data, executable: each.executable };
    });
    return { meta: index.meta, files };
  } finally {
    closeSync(file);
  }
}

function parseIndex(json: string): Index {
  let index: Index;
  try {
    index = JSON.parse(json) as Index;
  } catch {
    throw new ContainerError('corrupt', 'its index is damaged');
  }
  for (const { path, size } of index.files) {
    const inside = path !== '' && !path.startsWith('/') && !path.split('/').includes('..');
    if (!inside || !Number.isSafeInteger(size) || size < 0)
      throw new ContainerError('corrupt', `its index names ${path}`);
  }
  return index;
}

/** Writes one file of a container below a folder. */
export function placeFile(folder: string, { path, data, executable = false }: ContainerFile): void {
  const target = join(folder, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, data);
  chmodSync(target, executable ? 0o755 : 0o644);
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
