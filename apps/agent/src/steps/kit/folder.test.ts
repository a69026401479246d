import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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
    ['an entry', ' 0: user:bob allow add_file', 'KIT_FOLDER_NOT_OURS'],
    ['an unreadable one', ' 0 user:bob', 'COMMAND_FAILED'],
  ])('is refused with an access control list: %s', async (_name, entry, code) => {
    acl(entry);
    await expect(openKitFolder(mac)).rejects.toMatchObject({ code });
  });

  it.each([
    [
      'others can write',
      () => chmodSync(mac.path('/Library'), 0o775),
      /in \/Library that only its owner can write.*mode 775/,
    ],
    ['is a link', linkLibrary, /in a real folder \/Library/],
  ])(
    'is refused where the folder above %s: it could be another one by the time it is used',
    async (_what, make, why) => {
      expect(await openKitFolder(mac)).toBe(path);
      make();
      await expect(openKitFolder(mac)).rejects.toMatchObject({
        code: 'KIT_FOLDER_NOT_OURS',
        message: expect.stringMatching(why),
      });
    },
  );

  it('may deny things to others, and needs its list to be known', async () => {
    acl(' 0: group:everyone deny delete');
    expect(await openKitFolder(mac)).toBe(path);
    rmSync(mac.path('/bin/ls'));
    await expect(openKitFolder(mac)).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
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

function linkLibrary(): void {
  renameSync(mac.path('/Library'), mac.path('/elsewhere'));
  symlinkSync('elsewhere', mac.path('/Library'));
}

function mkdirWritableByAll(folder: string): void {
  mkdirSync(folder);
  chmodSync(folder, 0o777);
}
