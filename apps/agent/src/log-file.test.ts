/** The daemon's log must survive rotation by newsyslog, which only renames, and a disk where nothing can be written. */
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLogFile } from './log-file.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'headroom-log-'));
  path = join(folder, 'agent.log');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const text = (file: string): string => readFileSync(file, 'utf8');

describe('openLogFile', () => {
  it('adds one line with its time, whatever breaks the text has', () => {
    writeFileSync(path, 'before\n');
    openLogFile(path)('one\ntwo');
    expect(text(path)).toMatch(/^before\n\d{4}-\d\d-\d\dT[\d:.]+Z one \| two\n$/);
  });

  it('goes on in a new file once the old one was renamed, and leaves the old one alone', () => {
    const log = openLogFile(path);
    log('first');
    renameSync(path, `${path}.0`);
    log('second');
    expect(text(`${path}.0`)).toMatch(/ first\n$/);
    expect(text(path)).toMatch(/^\S+ second\n$/);
  });

  it('keeps two files of bounded size when nobody rotates', () => {
    const log = openLogFile(path, 200);
    for (let line = 0; line < 100; line += 1) log(`line ${line}`);
    expect(readdirSync(folder).sort()).toEqual(['agent.log', 'agent.log.old']);
    expect(text(path).length).toBeLessThan(300);
    expect(text(`${path}.old`).length).toBeLessThan(300);
    expect(text(path)).toContain('line 99');
  });

  it('never fails its caller, and writes again once it can', () => {
    const log = openLogFile(path);
    renameSync(folder, `${folder}.away`);
    expect(() => log('lost')).not.toThrow();
    renameSync(`${folder}.away`, folder);
    log('back');
    expect(text(path)).toMatch(/^\S+ back\n$/);
  });

  it('follows no link', () => {
    symlinkSync(join(folder, 'elsewhere'), path);
    expect(() => openLogFile(path)).toThrow(/ELOOP/);
  });
});
