/** Preference files: XML ones are read here, binary ones are turned into XML by plutil first. Seen: macOS 11 to 26. */
import { readFile, stat } from 'node:fs/promises';
import { type PlistDict, parsePlistDict } from './plist.ts';
import { type Reading, unknown } from './reading.ts';
import { resolve } from './sysroot.ts';
import { readTool, type ToolContext } from './tool.ts';

const PLUTIL = '/usr/bin/plutil';
const plutilToXmlArgs = (path: string): readonly string[] => ['-convert', 'xml1', '-o', '-', path];

const BYTES_MAX = 1024 * 1024;

export async function readPreferences(context: ToolContext, path: string): Promise<Reading<PlistDict>> {
  const file = resolve(context.sysroot, path);
  let bytes: Buffer;
  try {
    const seen = await stat(file);
    if (!seen.isFile()) return unknown(`${path} is no file`);
    if (seen.size > BYTES_MAX) return unknown(`${path} is larger than ${BYTES_MAX} bytes`);
    bytes = await readFile(file);
  } catch (error) {
    const { code = 'error' } = error as NodeJS.ErrnoException;
    return unknown(code === 'ENOENT' ? `${path} is not there` : `${path} cannot be read (${code})`);
  }
  if (!bytes.subarray(0, 6).equals(Buffer.from('bplist'))) return parsePlistDict(bytes.toString('utf8'));
  return readTool(context, { path: PLUTIL, args: plutilToXmlArgs(path) }, ({ stdout }) => parsePlistDict(stdout));
}
