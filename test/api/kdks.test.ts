// Goal: only whole images with the announced sum get into the catalogue, by upload and by the watch folder.
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { itemsOf, openTestApi, type TestApi } from './support.ts';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterAll(() => test.stop());

const BYTES = Buffer.from('image '.repeat(100_000));
const sumOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const put = (fileName: string, body: Uint8Array, sum: string) =>
  test.call('PUT', `/api/v1/kdks?fileName=${encodeURIComponent(fileName)}`, {
    role: 'tool',
    body,
    headers: { 'x-checksum-sha256': sum },
  });
const kdks = async () => itemsOf((await test.call('GET', '/api/v1/kdks', { role: 'reader' })).body);

describe('an upload', () => {
  it('is stored under its sum and can be opened by it', async () => {
    const sum = sumOf(BYTES);
    const reply = await put('Kernel_Debug_Kit_15.1_build_24B82.dmg', BYTES, sum);
    expect(reply.body).toMatchObject({ version: '15.1', build: '24B82', sha256: sum, sizeBytes: BYTES.length });
    const file = await test.api.kdkFiles.open(sum);
    expect(file?.sizeBytes).toBe(BYTES.length);
    expect(sumOf(await readFile(file?.path ?? ''))).toBe(sum);
    const again = await put('Kernel_Debug_Kit_15.1_build_24B82.dmg', BYTES, sum);
    expect(again.body['id']).toEqual(reply.body['id']);
    expect(await kdks()).toHaveLength(1);
  });

  it.each([
    ['another sum', 'Kernel_Debug_Kit_15.1_build_24B83.dmg', 'a'.repeat(64), 400, 'VALIDATION_FAILED'],
    ['no sum', 'Kernel_Debug_Kit_15.1_build_24B83.dmg', '', 400, 'VALIDATION_FAILED'],
    ['a name that says nothing', 'kdk.dmg', 'a'.repeat(64), 422, 'KDK_NAME_UNREADABLE'],
    ['a name with a path', '../Kernel_Debug_Kit_15.1_build_24B83.dmg', 'a'.repeat(64), 422, 'KDK_NAME_UNREADABLE'],
  ])('with %s is refused and leaves nothing behind', async (_what, fileName, sum, status, code) => {
    const reply = await put(fileName, BYTES, sum);
    expect([reply.status, reply.body['code']]).toEqual([status, code]);
    expect(await kdks()).toHaveLength(1);
    expect(await readdir(join(test.stateDir, 'kdks'))).toEqual([sumOf(BYTES)]);
  });

  it('does not hand out what nobody brought', async () => {
    expect(await test.api.kdkFiles.open('b'.repeat(64))).toBeNull();
    expect(await test.api.kdkFiles.open('../keys/ca.pem')).toBeNull();
  });
});

describe('the watch folder', () => {
  it('takes an image once its size is stable and its sum lies beside it', async () => {
    const { kdkInbox } = test.api;
    const name = 'Kernel_Debug_Kit_14.5_build_23F79.dmg';
    const path = join(kdkInbox.folder, name);
    const bytes = Buffer.concat([BYTES, Buffer.from('another')]);
    await writeFile(path, bytes.subarray(0, 100));
    expect(await kdkInbox.scanOnce()).toEqual([]);
    await writeFile(`${path}.sha256`, `${sumOf(bytes)}  ${name}\n`);
    expect(await kdkInbox.scanOnce()).toEqual([]);
    await writeFile(path, bytes);
    expect(await kdkInbox.scanOnce()).toEqual([]);
    expect(await kdkInbox.scanOnce()).toEqual([name]);
    expect(await readdir(kdkInbox.folder)).toEqual([]);
    expect((await kdks()).map(({ build, addedBy }) => [build, addedBy])).toContainEqual(['23F79', 'system:kdk-inbox']);
  });

  it('sets a wrong one aside', async () => {
    const { kdkInbox } = test.api;
    const name = 'Kernel_Debug_Kit_14.6_build_23G80.dmg';
    await writeFile(join(kdkInbox.folder, name), BYTES);
    await writeFile(join(kdkInbox.folder, `${name}.sha256`), 'c'.repeat(64));
    await kdkInbox.scanOnce();
    expect(await kdkInbox.scanOnce()).toEqual([]);
    expect((await readdir(kdkInbox.folder)).sort()).toEqual([`${name}.refused`, `${name}.sha256`]);
    expect(await kdks()).toHaveLength(2);
  });
});
