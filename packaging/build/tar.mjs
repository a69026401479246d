// A tar.gz that is the same bytes for the same content, so that its published sum can be checked by building again.
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const BLOCK = 512;
/** 2020-01-01 00:00 UTC, in seconds: no time of the build goes in. */
const MTIME = 1577836800;

/** Archives `folder` under `name`: sorted, owner root, modes 755 and 644. */
export function tarGz(folder, name) {
  const parts = entriesBelow(folder, name).flatMap(entryBlocks);
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]), { level: 9 });
}

function entriesBelow(path, name) {
  const stat = lstatSync(path);
  if (stat.isFile()) return [{ name, type: '0', mode: stat.mode & 0o100 ? 0o755 : 0o644, content: readFileSync(path) }];
  if (!stat.isDirectory()) throw new Error(`${path}: files and folders only`);
  const inside = readdirSync(path).sort();
  const self = { name: `${name}/`, type: '5', mode: 0o755, content: Buffer.alloc(0) };
  return [self, ...inside.flatMap((entry) => entriesBelow(join(path, entry), `${name}/${entry}`))];
}

function entryBlocks({ name, type, mode, content }) {
  const header = Buffer.alloc(BLOCK);
  const { prefix, rest } = splitName(name);
  const octal = (value, at, length) => header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  header.write(rest, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(content.length, 124, 12);
  octal(MTIME, 136, 12);
  header.fill(' ', 148, 156);
  header.write(type, 156);
  header.write('ustar\x0000', 257, 'latin1');
  header.write('root', 265);
  header.write('wheel', 297);
  header.write(prefix, 345);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return [header, content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)];
}

/** ustar holds 100 bytes of name and 155 of folders before it. */
function splitName(name) {
  if (Buffer.byteLength(name) <= 100) return { prefix: '', rest: name };
  const at = name.indexOf('/', name.length - 101);
  if (at < 0 || at > 155 || at === name.length - 1) throw new Error(`path too long for tar: ${name}`);
  return { prefix: name.slice(0, at), rest: name.slice(at + 1) };
}
