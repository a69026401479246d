import { chmodSync, chownSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeMac, fakeMac } from '../../testing/fake-mac.ts';
import { openKitFolder } from './folder.ts';

let mac: FakeMac;
let path: string;
beforeEach(() => {
  mac = fakeMac();
  mkdirSync(mac.path('/Library'));
  acl('');
  path = mac.path('/Library/Headroom');
});
afterEach(() => mac.remove());

describe("the kit's folder", () => {
  it('is made when it is not there, and used when it is ours', async () => {
    expect(await openKitFolder(mac)).toBe(path);
    expect(await openKitFolder(mac)).toBe(path);
  });

  it.each([
    ['a link', () => symlinkSync('/tmp', path)],
    ['a file', () => writeFileSync(path, '')],
    ['a folder that others can write', () => mkdirWritableByAll(path)],
  ])('is refused when %s is in its place', async (_name, make) => {
    rmSync(path, { force: true, recursive: true });
    make();
    await expect(openKitFolder(mac)).rejects.toMatchObject({ code: 'KIT_FOLDER_NOT_OURS' });
  });

  it.each([
    ['an entry', ' 0: user:bob allow add_file'],
    ['an unreadable one', ' 0 user:bob'],
  ])('is refused with an access control list: %s', async (_name, entry) => {
    acl(entry);
    await expect(openKitFolder(mac)).rejects.toMatchObject({ code: 'KIT_FOLDER_NOT_OURS' });
  });

  it('may deny things to others, and needs its list to be known', async () => {
    acl(' 0: group:everyone deny delete');
    expect(await openKitFolder(mac)).toBe(path);
    rmSync(mac.path('/bin/ls'));
    await expect(openKitFolder(mac)).rejects.toMatchObject({ code: 'KIT_FOLDER_NOT_OURS' });
  });

  it('has to be owned by root on a real Mac', async () => {
    mkdirSync(path);
    if (process.getuid?.() === 0) chownSync(path, 501, 20);
    await expect(openKitFolder({ ...mac, simulated: false })).rejects.toMatchObject({ code: 'KIT_FOLDER_NOT_OURS' });
  });
});

/** `ls -lde` of a folder with these entries. */
function acl(entries: string): void {
  mac.tool('/bin/ls', `echo 'drwxr-xr-x  2 root  wheel  64 Nov  1 08:00 /Library/Headroom'; echo '${entries}'`);
}

function mkdirWritableByAll(folder: string): void {
  mkdirSync(folder);
  chmodSync(folder, 0o777);
}
