import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readFileset, readKernelFile } from './fileset.ts';

const folder = mkdtempSync(join(tmpdir(), 'headroom-fileset-'));
const file = join(folder, 'test.kc');
afterAll(() => rmSync(folder, { recursive: true }));

const VERSION =
  'Darwin Kernel Version 23.5.0: Wed May  1 20:12:39 PDT 2024; root:xnu_development-1.2~3/DEVELOPMENT_ARM64_T6020';

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => {
    bytes.writeUInt32LE(value, index * 4);
  });
  return bytes;
}

function quad(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

/** A Mach-O image of these commands; the count and length fields can be made to lie. */
function image(
  fileType: number,
  commands: readonly Buffer[],
  lies: { count?: number; length?: number; magic?: number; cpu?: number } = {},
): Buffer {
  const area = Buffer.concat(commands);
  const { count = commands.length, length = area.length, magic = 0xfeedfacf, cpu = 0x0100000c } = lies;
  return Buffer.concat([words(magic, cpu, 2, fileType, count, length, 0, 0), area]);
}

const uuid = (byte: number): Buffer => Buffer.concat([words(0x1b, 24), Buffer.alloc(16, byte)]);

function entry(id: string, fileOffset: bigint, idAt = 32): Buffer {
  const name = Buffer.alloc(Math.ceil((id.length + 1) / 8) * 8);
  name.write(id, 'latin1');
  return Buffer.concat([words(0x80000035, 32 + name.length), quad(0n), quad(fileOffset), words(idAt, 0), name]);
}

function segment(fileOffset: bigint, length: bigint): Buffer {
  return Buffer.concat([
    words(0x19, 72),
    Buffer.alloc(16),
    quad(0n),
    quad(0n),
    quad(fileOffset),
    quad(length),
    Buffer.alloc(16),
  ]);
}

/** A collection with one kernel at 4096, whose version text lies at `textAt`. */
function collection(commands: readonly Buffer[], textAt = 8192, size = 16384): Buffer {
  const bytes = Buffer.alloc(size);
  image(0xc, commands).copy(bytes);
  image(2, [uuid(7), segment(0n, BigInt(size))]).copy(bytes, 4096);
  bytes.write(VERSION, textAt, 'latin1');
  return bytes;
}

/** A collection whose second image, at 12288, is this one. */
function withMember(member: Buffer): Buffer {
  const bytes = collection([uuid(1), entry('com.apple.kernel', 4096n), entry('com.apple.a', 12288n)]);
  member.copy(bytes, 12288);
  return bytes;
}

async function read(bytes: Buffer) {
  writeFileSync(file, bytes);
  return readFileset(file);
}

describe('readFileset', () => {
  it('reads identity, entries and the version text', async () => {
    expect(await read(collection([uuid(0xab), entry('com.apple.kernel', 4096n)]))).toEqual({
      ok: true,
      value: {
        uuid: 'ABABABAB-ABAB-ABAB-ABAB-ABABABABABAB',
        cpuSubtype: 2,
        arm64e: true,
        sizeBytes: 16384,
        entries: [{ id: 'com.apple.kernel', uuid: '07070707-0707-0707-0707-070707070707' }],
        bundles: 0,
        kernelVersionText: VERSION,
      },
    });
  });

  it.each([1024 * 1024 - 40, 1024 * 1024, 1024 * 1024 + 500])(
    'finds a version text over the border of two pieces: %d',
    async (textAt) => {
      const fileset = await read(collection([uuid(1), entry('com.apple.kernel', 4096n)], textAt, 3 * 1024 * 1024));
      expect(fileset.ok && fileset.value.kernelVersionText).toBe(VERSION);
    },
  );

  it.each([
    ['an empty file', Buffer.alloc(0), 'outside the file'],
    ['text', Buffer.from('#!/bin/sh\n'.repeat(20)), 'no 64-bit Mach-O'],
    ['a universal file', image(0xc, [], { magic: 0xbebafeca }), 'universal file'],
    ['another file type', image(2, [uuid(1)]), 'a fileset expected'],
    ['another processor', image(0xc, [uuid(1)], { cpu: 0x01000007 }), 'arm64 expected'],
    ['no identity', image(0xc, []), 'no LC_UUID'],
    ['two identities', image(0xc, [uuid(1), uuid(2)]), 'more than one LC_UUID'],
    ['no kernel', image(0xc, [uuid(1)]), 'no entry com.apple.kernel'],
    ['a command that is too long', image(0xc, [words(0x1b, 4096)]), 'goes over its area'],
    ['a command of no length', image(0xc, [words(0x1b, 0)]), 'goes over its area'],
    ['too many commands', image(0xc, [], { count: 0xffffffff }), 'more than 20000'],
    ['commands longer than the file', image(0xc, [uuid(1)], { length: 0x100000 }), 'outside the file'],
    ['commands of 4 GB', image(0xc, [uuid(1)], { length: 0xffffffff }), 'load commands over'],
    ['an entry outside the file', image(0xc, [uuid(1), entry('com.apple.kernel', 1n << 62n)]), 'outside the file'],
    ['an id outside its command', image(0xc, [uuid(1), entry('com.apple.kernel', 0n, 4000)]), 'without a readable id'],
    ['an entry that is the collection itself', collection([uuid(1), entry('com.apple.kernel', 0n)]), 'another image'],
    [
      'two entries in one place',
      collection([uuid(1), entry('com.apple.kernel', 4096n), entry('com.apple.a', 4096n)]),
      'another image',
    ],
    ['an identity of zeros', collection([uuid(0), entry('com.apple.kernel', 4096n)]), 'no LC_UUID'],
    ['a bundle for another processor', withMember(image(11, [uuid(3)], { cpu: 0x01000007 })), 'no arm64 image'],
    ['a fileset in the fileset', withMember(image(0xc, [uuid(3)])), 'no arm64 image'],
    [
      'an entry that stands twice',
      collection([uuid(1), entry('com.apple.a', 4096n), entry('com.apple.a', 4096n)]),
      'stands twice',
    ],
  ])('refuses %s with a reason', async (_what, bytes, reason) => {
    expect(await read(bytes)).toEqual({ ok: false, reason: expect.stringContaining(reason) });
  });

  it('refuses what would take more reading than an honest file', async () => {
    const at = 16384;
    const ids = Array.from({ length: 200 }, (_, index) => entry(`com.apple.${index}`, BigInt(at + 32 * index)));
    const bytes = Buffer.alloc(1024 * 1024);
    image(0xc, [uuid(1), ...ids]).copy(bytes);
    for (const index of ids.keys()) image(11, [], { length: 900_000 }).copy(bytes, at + 32 * index);
    expect(await read(bytes)).toEqual({ ok: false, reason: expect.stringContaining('more than the whole file') });
  });

  it('gives up on a kernel that is full of beginnings of a version', async () => {
    const bytes = collection([uuid(1), entry('com.apple.kernel', 4096n)], 8192, 2 * 1024 * 1024);
    bytes.fill('Darwin Kernel Version 1:a', 8192, 1024 * 1024);
    bytes.write(VERSION, 1024 * 1024 + 512, 'latin1');
    const fileset = await read(bytes);
    expect(fileset.ok && fileset.value.kernelVersionText).toBeNull();
  });

  it('opens regular files only', async () => {
    symlinkSync(file, join(folder, 'link.kc'));
    mkdirSync(join(folder, 'folder.kc'));
    expect(await readFileset(join(folder, 'link.kc'))).toMatchObject({
      ok: false,
      reason: expect.stringContaining('ELOOP'),
    });
    expect(await readFileset(join(folder, 'folder.kc'))).toEqual({ ok: false, reason: 'not a regular file' });
    expect(await readFileset(join(folder, 'none.kc'))).toMatchObject({
      ok: false,
      reason: expect.stringContaining('ENOENT'),
    });
  });
});

describe('readKernelFile', () => {
  it('says whether the kernel knows the quota argument', async () => {
    const kernel = (text: string): Buffer => {
      const bytes = Buffer.alloc(4096);
      image(2, [uuid(3), segment(0n, 4096n)]).copy(bytes);
      bytes.write(`${VERSION}\0${text}\0`, 1024, 'latin1');
      return bytes;
    };
    writeFileSync(file, kernel('hv_apple_isa_vm_quota'));
    expect(await readKernelFile(file)).toMatchObject({
      ok: true,
      value: { versionText: VERSION, namesQuotaArgument: true, arm64: true },
    });
    writeFileSync(file, kernel('another_argument'));
    expect(await readKernelFile(file)).toMatchObject({ ok: true, value: { namesQuotaArgument: false } });
  });
});
