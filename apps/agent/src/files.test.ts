/** What is read and looked at may be anything: it is an answer or an error, and nothing is waited for without end. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { isFolder, isPlainFile, isThere, namesIn, plainFileBytes } from './file-looks.ts';
import { isTemporaryName, readJsonObject, readTextFile, writeFileAtomic } from './files.ts';

const folder = mkdtempSync(join(tmpdir(), 'headroom-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);
writeFileSync(at('text'), 'text');
writeFileSync(at('empty'), '');
writeFileSync(at('sparse'), '');
truncateSync(at('sparse'), 10 * 1024 ** 3);
mkdirSync(at('folder'));
execFileSync('mkfifo', [at('pipe')]);
for (const name of ['text', 'folder', 'pipe', 'sparse', 'nothing']) symlinkSync(name, at(`link to ${name}`));

describe('reading a file', () => {
  it('gives its text, and null where there is none', async () => {
    expect(await readTextFile(at('text'))).toBe('text');
    expect(await readTextFile(at('nothing'))).toBe(null);
    expect(await readTextFile(at('link to nothing'))).toBe(null);
    expect(await readTextFile(at('text/below'))).toBe(null);
  });

  it.each(['pipe', 'link to pipe', 'folder', 'link to folder'])('does not wait for a %s', async (name) => {
    await expect(readTextFile(at(name))).rejects.toThrow(/expected a file/);
  });

  it.each(['sparse', 'link to sparse'])('takes no %s that is too long', async (name) => {
    await expect(readTextFile(at(name))).rejects.toThrow(/at most/);
  });

  it.each(['', '[]', '1', '{"a":', '\u0000'])('takes no %j for an object', async (text) => {
    writeFileSync(at('json'), text);
    await expect(readJsonObject(at('json'))).rejects.toThrow(/JSON/);
  });
});

describe('looking', () => {
  it('follows no link', async () => {
    const names = ['text', 'folder', 'pipe', 'link to text', 'link to folder', 'link to nothing', 'nothing'];
    const seen = names.map(async (name) => [
      await isThere(at(name)),
      await isPlainFile(at(name)),
      await isFolder(at(name)),
      await plainFileBytes(at(name)),
    ]);
    expect(await Promise.all(seen)).toEqual([
      [true, true, false, 4],
      [true, false, true, 0],
      [true, false, false, 0],
      [true, false, false, 0],
      [true, false, false, 0],
      [true, false, false, 0],
      [false, false, false, 0],
    ]);
  });

  it('lists names in order, none where there is no folder', async () => {
    await writeFileAtomic(at('folder/b'), 'b', 0o600);
    await writeFileAtomic(at('folder/a'), 'a', 0o600);
    expect(await namesIn(at('folder'))).toEqual(['a', 'b']);
    expect(await namesIn(at('nothing'))).toEqual([]);
    expect(await namesIn(at('text'))).toEqual([]);
  });

  it.each([
    ['.state.json.new', true],
    ['.a\nb.new', true],
    ['state.json.new', false],
    ['.new', false],
    ['.state.json', false],
  ])('knows %j as what a cut write leaves: %s', (name, is) => expect(isTemporaryName(name)).toBe(is));
});
