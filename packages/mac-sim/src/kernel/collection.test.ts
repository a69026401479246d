/** A collection that we write is read back by our reader, by python's macholib and by LLVM with the same answers. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  buildBundleFile,
  buildKernelCollection,
  buildKernelFile,
  readKernelCollection,
  readKernelFile,
  writeKernelCollection,
} from './index.ts';

const VERSION =
  'Darwin Kernel Version 23.0.0: Tue Jul 18 20:35:13 PDT 2023; root:xnu-10002.0.199.505.1~3/DEVELOPMENT_ARM64_T6020';
const BUILD = '23A5301h';
const kernelFile = buildKernelFile({ versionText: VERSION, osVersion: '14.0', build: BUILD });
const bundle = (id: string) => ({
  id,
  version: '1.2.3',
  binary: buildBundleFile({ id, version: '1.2.3', build: BUILD, osVersion: '14.0' }),
});
const bundles = ['com.apple.iokit.IOPCIFamily', 'com.apple.driver.AppleSMC', 'com.apple.filesystems.apfs'].map(bundle);

const PYTHON = '/usr/bin/python3';
const LLVM = '/usr/bin/llvm-objdump-19';
const hasMacholib = existsSync(PYTHON) && spawnSync(PYTHON, ['-c', 'import macholib']).status === 0;

const folder = mkdtempSync(join(tmpdir(), 'collection-'));
const path = join(folder, 'VirtualMachine.kc');
beforeAll(() => {
  writeKernelCollection({ kernelFile, bundles, build: BUILD, out: path });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('kernel collection', () => {
  it('is read back with the identities of everything in it', () => {
    const info = readKernelCollection(path);
    const kernelPath = join(folder, 'kernel.development.t6020');
    writeFileSync(kernelPath, kernelFile);
    expect(info.uuid).toBe(buildKernelCollection({ kernelFile, bundles, build: BUILD }).uuid);
    expect(info.kernelUuid).toBe(readKernelFile(kernelPath).uuid);
    expect(info).toMatchObject({ kernelVersionText: VERSION, hasQuotaSupport: true });
    expect(info.entries.map(({ id }) => id)).toEqual(['com.apple.kernel', ...bundles.map(({ id }) => id).sort()]);
    expect(new Set([info.uuid, ...info.entries.map(({ uuid }) => uuid)]).size).toBe(bundles.length + 2);
  });

  it('has an LC_UUID that follows from content, whatever the order of the bundles', () => {
    const uuid = (change: object) => buildKernelCollection({ kernelFile, bundles, build: BUILD, ...change }).uuid;
    expect(uuid({ bundles: [...bundles].reverse() })).toBe(uuid({}));
    expect(uuid({ build: '23A5301g' })).not.toBe(uuid({}));
    expect(uuid({ bundles: bundles.slice(1) })).not.toBe(uuid({}));
    const other = buildKernelFile({ versionText: VERSION, osVersion: '14.0', build: BUILD, hasQuotaSupport: false });
    expect(uuid({ kernelFile: other })).not.toBe(uuid({}));
  });

  it('tells a kernel without the quota argument', () => {
    const kernel = join(folder, 'kernel.no-quota');
    writeFileSync(
      kernel,
      buildKernelFile({ versionText: VERSION, osVersion: '14.0', build: BUILD, hasQuotaSupport: false }),
    );
    expect(readKernelFile(kernel).hasQuotaSupport).toBe(false);
  });

  it('refuses cut and foreign files with the reason', () => {
    const cut = join(folder, 'cut.kc');
    writeFileSync(cut, readFileSync(path));
    truncateSync(cut, 0x6000);
    expect(() => readKernelCollection(cut)).toThrow(/cut\.kc is not a usable Mach-O file: .* ends at byte/);
    writeFileSync(cut, 'not a kernel collection, but long enough for a header');
    expect(() => readKernelCollection(cut)).toThrow(/no 64-bit magic/);
    writeFileSync(cut, kernelFile);
    expect(() => readKernelCollection(cut)).toThrow(/expected a kernel collection/);
  });

  it('never trusts a size in a damaged header', () => {
    const damaged = join(folder, 'damaged.kc');
    const head = readFileSync(path);
    for (let at = 16; at < 600; at += 4) {
      const bytes = Buffer.from(head);
      bytes.writeUInt32LE(0xfffffff8, at);
      writeFileSync(damaged, bytes);
      try {
        readKernelCollection(damaged);
      } catch (error) {
        expect(error).toMatchObject({ name: 'MachOError' });
      }
    }
  });
});

describe('kernel collection as python3-macholib reads it (Debian: python3-macholib)', () => {
  it('agrees on type, identity, entries and on every entry as an image of its own', ({ skip }) => {
    if (!hasMacholib) skip('an independent reader is missing: apt-get install python3-macholib');
    const seen = JSON.parse(execFileSync(PYTHON, ['-c', MACHOLIB_DUMP, path], { encoding: 'utf8' }));
    const info = readKernelCollection(path);
    expect(seen).toMatchObject({ filetype: 0xc, cputype: 0x0100000c, subtype: 2, uuid: info.uuid });
    expect(seen.entries).toEqual(
      info.entries.map(({ id, uuid, fileoff, vmaddr }) => ({ id, uuid, fileoff, vmaddr: vmaddr.toString() })),
    );
    for (const { name, vmaddr, fileoff } of seen.segments)
      expect(BigInt(vmaddr) - BigInt(fileoff), name).toBe(0xfffffe0007000000n);
    expect(seen.kernelText).toBe(VERSION);
    // Each symbol's address must lead to the version text: addresses were moved with the image.
    expect(seen.symbols).toEqual(['_version', '_osrelease', '_kernel_pmap'].map((symbol) => [symbol, VERSION]));
  });
});

describe('kernel collection as llvm-objdump-19 reads it (Debian: llvm-19)', () => {
  it('opens as an arm64e fileset with the entries inside', ({ skip }) => {
    if (!existsSync(LLVM)) skip('an independent reader is missing: apt-get install llvm-19');
    const seen = execFileSync(LLVM, ['--macho', '--private-headers', path], { encoding: 'utf8' });
    expect(seen).toMatch(/cmd LC_UUID[\s\S]*uuid /);
    expect(seen).toContain(readKernelCollection(path).uuid);
    expect(seen.match(/0x80000035/g)).toHaveLength(bundles.length + 1);
  });
});

/** Reads the collection, then each entry through its own header, with offsets taken as absolute in the file. */
const MACHOLIB_DUMP = `
import sys, json, uuid, io, struct
from macholib.MachO import MachO, MachOHeader
from macholib import mach_o
path = sys.argv[1]
h = MachO(path).headers[0]
def lc(cmds, kind): return [(c, b) for l, c, b in cmds if l.cmd == kind]
def ident(cmds): return str(uuid.UUID(bytes=bytes(lc(cmds, mach_o.LC_UUID)[0][0].uuid))).upper()
raw = open(path, 'rb').read()
def commands(off):
    magic, cpu, sub, kind, n, size, flags, res = struct.unpack_from('<8I', raw, off)
    assert magic == 0xfeedfacf
    at, out = off + 32, []
    for _ in range(n):
        cmd, length = struct.unpack_from('<2I', raw, at); out.append((cmd, raw[at:at+length])); at += length
    return out
def name(b): return b.split(b'\\0')[0].decode()
segments, entries, text, symbols = [], [], None, []
for c, b in lc(h.commands, mach_o.LC_SEGMENT_64):
    segments.append({'name': name(c.segname), 'vmaddr': str(int(c.vmaddr)), 'fileoff': str(int(c.fileoff))})
for c, b in lc(h.commands, mach_o.LC_FILESET_ENTRY):
    off = int(c.fileoff)
    inner = commands(off)
    u = [x for k, x in inner if k == 0x1b][0][8:24]
    for k, x in inner:
        if k != 0x19: continue
        vm, vs, fo, fs = struct.unpack_from('<4Q', x, 24)
        segments.append({'name': name(x[8:24]), 'vmaddr': str(vm), 'fileoff': str(fo)})
        if not entries and name(x[8:24]) == '__TEXT':
            so, = struct.unpack_from('<I', x, 72 + 48); text = name(raw[so:so+300])
    if not entries:
        so, n, st, sz = [struct.unpack_from('<4I', x, 8) for k, x in inner if k == 2][0]
        for i in range(n):
            sx, _, value = struct.unpack_from('<IIQ', raw, so + 16 * i); symbols.append([name(raw[st+sx:st+sx+80]), name(raw[value - 0xfffffe0007000000:][:300])])
    entries.append({'id': name(b), 'uuid': str(uuid.UUID(bytes=u)).upper(), 'fileoff': off, 'vmaddr': str(int(c.vmaddr))})
print(json.dumps({'filetype': int(h.header.filetype), 'cputype': int(h.header.cputype), 'subtype': int(h.header.cpusubtype) & 0xffffff, 'uuid': ident(h.commands), 'entries': entries, 'segments': segments, 'kernelText': text, 'symbols': symbols}))
`;
