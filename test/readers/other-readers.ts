/** Two readers of Mach-O files that are not ours: LLVM 19 and Python's macholib. Each says what our reader should say. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { TestContext } from 'vitest';

export interface Seen {
  readonly fileset: boolean;
  readonly arm64e: boolean;
  readonly uuid: string | null;
  readonly ids: readonly string[];
}

export const LLVM = '/usr/lib/llvm-19/bin';
const PYTHON = '/usr/bin/python3';
export const hasLlvm = ['llvm-objdump', 'obj2yaml', 'yaml2obj'].every((tool) => existsSync(`${LLVM}/${tool}`));
export const hasMacholib = existsSync(PYTHON) && spawnSync(PYTHON, ['-c', 'import macholib']).status === 0;

/** A test that needs such a reader: without it, it is skipped with the way to get it, and counted as skipped. */
export const withLlvm = needing(hasLlvm, 'llvm-19');
export const withMacholib = needing(hasMacholib, 'python3-macholib');

function needing(isHere: boolean, packageName: string) {
  return (body: () => unknown) =>
    ({ skip }: TestContext): unknown =>
      isHere ? body() : skip(`an independent reader is missing: apt-get install ${packageName}`);
}

const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
const run = (tool: string, ...args: readonly string[]): string =>
  execFileSync(tool, args, { encoding: 'utf8', maxBuffer: OUTPUT_BYTES_MAX });

/** llvm-objdump 19 does not name LC_FILESET_ENTRY (0x80000035); obj2yaml of the same LLVM does, with the bytes of the id. */
export function seenByLlvm(path: string): Seen {
  const headers = run(`${LLVM}/llvm-objdump`, '--macho', '--private-headers', path);
  const entries = run(`${LLVM}/obj2yaml`, path).matchAll(/cmd: +LC_FILESET_ENTRY[\s\S]*?PayloadBytes: +\[([^\]]*)\]/g);
  const ids = [...entries].map(([, bytes = '']) => textOf(bytes));
  const counted = headers.match(/cmd \?\(0x80000035\)/g)?.length ?? 0;
  if (counted !== ids.length) throw new Error(`llvm-objdump counts ${counted} entries, obj2yaml ${ids.length}`);
  return {
    fileset: /MH_MAGIC_64\s+ARM64\s+\S+\s+\S+\s+FILESET /.test(headers),
    arm64e: /MH_MAGIC_64\s+ARM64\s+E /.test(headers),
    uuid: /cmd LC_UUID\s+cmdsize 24\s+uuid ([0-9A-F-]{36})/.exec(headers)?.[1] ?? null,
    ids,
  };
}

function textOf(hexBytes: string): string {
  const bytes = Buffer.from(hexBytes.split(',').map((byte) => Number(byte.trim())));
  return bytes.toString('latin1', 0, bytes.indexOf(0));
}

/** macholib also reads the image of each entry through its own header. */
export function seenByMacholib(path: string): Seen & { readonly uuids: readonly (string | null)[] } {
  return JSON.parse(run(PYTHON, '-c', MACHOLIB, path));
}

const MACHOLIB = `
import json, sys, uuid
import macholib.MachO
from macholib import mach_o
from macholib.MachO import MachO

class WholeFile(macholib.MachO.fileview):
    # Images inside a collection count offsets from its start; what macholib then reads of sections is not used here.
    def _checkwindow(self, seekto, op):
        pass

    def read(self, size):
        return self._fileobj.read(size)

macholib.MachO.fileview = WholeFile

def commands(header, kind):
    return [(command, data) for load, command, data in header.commands if load.cmd == kind]

def identity(header):
    found = commands(header, mach_o.LC_UUID)
    return str(uuid.UUID(bytes=bytes(found[0][0].uuid))).upper() if found else None

path = sys.argv[1]
macho = MachO(path)
head = macho.headers[0]
ids, uuids = [], []
with open(path, 'rb') as file:
    size = file.seek(0, 2)
    for command, data in commands(head, mach_o.LC_FILESET_ENTRY):
        macho.load_header(file, int(command.fileoff), size - int(command.fileoff))
        ids.append(data.split(b'\\0')[0].decode())
        uuids.append(identity(macho.headers[-1]))
print(json.dumps({
    'fileset': int(head.header.filetype) == 0xc and int(head.header.cputype) == 0x0100000c,
    'arm64e': int(head.header.cpusubtype) & 0xffffff == 2,
    'uuid': identity(head), 'ids': ids, 'uuids': uuids,
}))
`;
