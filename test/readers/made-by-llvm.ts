/** A small kernel collection that none of our code writes: yaml2obj of LLVM 19 makes the fileset and each image inside. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LLVM } from './other-readers.ts';

export interface Member {
  readonly id: string;
  readonly uuid: string;
}

const IMAGE_BYTES = 4096;
const MH_EXECUTE = 2;
const MH_KEXT_BUNDLE = 0xb;
const MH_FILESET = 0xc;
const UUID_COMMAND_BYTES = 24;
const ENTRY_BYTES = 32;

/** Images lie one page apart, the first behind the collection's own header. */
export function makeByLlvm(folder: string, uuid: string, members: readonly Member[]): string {
  const entries = members.map(({ id }, index) => entry(id, (index + 1) * IMAGE_BYTES));
  const head = image(folder, MH_FILESET, [identity(uuid), ...entries]);
  const inside = members.map((member, index) =>
    image(folder, index === 0 ? MH_EXECUTE : MH_KEXT_BUNDLE, [identity(member.uuid)]),
  );
  const path = join(folder, 'made-by-llvm.kc');
  writeFileSync(path, Buffer.concat([head, ...inside].map((bytes) => Buffer.concat([bytes], IMAGE_BYTES))));
  return path;
}

interface Command {
  readonly bytes: number;
  readonly yaml: string;
}

function identity(uuid: string): Command {
  const yaml = `  - cmd: LC_UUID\n    cmdsize: ${UUID_COMMAND_BYTES}\n    uuid: ${uuid}\n`;
  return { bytes: UUID_COMMAND_BYTES, yaml };
}

function entry(id: string, fileOffset: number): Command {
  const name = Buffer.concat([Buffer.from(id)], Math.ceil((id.length + 1) / 8) * 8);
  const bytes = ENTRY_BYTES + name.length;
  const fields = [
    `cmdsize: ${bytes}`,
    `vmaddr: ${0xfffffe0007004000n + BigInt(fileOffset)}`,
    `fileoff: ${fileOffset}`,
    `id: ${ENTRY_BYTES}`,
    'reserved: 0',
    `PayloadBytes: [ ${[...name].map((byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(', ')} ]`,
  ];
  return { bytes, yaml: `  - cmd: LC_FILESET_ENTRY\n${fields.map((field) => `    ${field}\n`).join('')}` };
}

function image(folder: string, fileType: number, commands: readonly Command[]): Buffer {
  const header = {
    magic: 0xfeedfacf,
    cputype: 0x0100000c,
    cpusubtype: 2,
    filetype: fileType,
    ncmds: commands.length,
    sizeofcmds: commands.reduce((sum, { bytes }) => sum + bytes, 0),
    flags: 0,
    reserved: 0,
  };
  const fields = Object.entries(header).map(([key, value]) => `  ${key}: ${value}\n`);
  const yaml = `--- !mach-o\nFileHeader:\n${fields.join('')}LoadCommands:\n${commands.map((command) => command.yaml).join('')}...\n`;
  const source = join(folder, 'image.yaml');
  writeFileSync(source, yaml);
  return execFileSync(`${LLVM}/yaml2obj`, [source, '-o', '-']);
}
