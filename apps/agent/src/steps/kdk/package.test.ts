/** What is laid out of a package is looked at wholly: a part that is passed over is a part that is installed unseen. */
import { mkdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseOutsidePackages } from '../../macos/pkgutil.ts';
import { KDK_FOLDER } from '../../paths.ts';
import { type FakeMac, fakeMac } from '../../testing/fake-mac.ts';
import { checkPackageId } from './package.ts';

const BUILD = '23F79';
const WANTED = `com.apple.pkg.KDK.${BUILD}`;
const info = (id: string): string => `<pkg-info identifier="${id}" version="1"/>`;
const distribution = (...refs: readonly string[]): string =>
  `<installer-gui-script><title>Kernel Debug Kit</title>${refs.join('')}</installer-gui-script>`;
const OWN = distribution(`<pkg-ref id="${WANTED}" version="1">#KDK.pkg</pkg-ref>`);

let mac: FakeMac;
beforeEach(() => {
  mac = fakeMac();
  mkdirSync(mac.path(KDK_FOLDER), { recursive: true });
});
afterEach(() => mac.remove());

/** `pkgutil --expand` lays out these files; of `-> ` it makes a link. */
function expandsTo(files: Readonly<Record<string, string>>): void {
  const lines = Object.entries(files).map(([path, content]) =>
    content.startsWith('-> ')
      ? `ln -s '${content.slice(3)}' "$to/${path}"`
      : `mkdir -p "$to/$(dirname '${path}')"; printf '%s' '${content}' > "$to/${path}"`,
  );
  mac.tool('/usr/sbin/pkgutil', [`to='${mac.sysroot}'"$3"`, 'mkdir -p "$to/KDK.pkg"', ...lines].join('\n'));
}

const check = (): Promise<void> => checkPackageId(mac, '/x/KernelDebugKit.pkg', BUILD, AbortSignal.timeout(20_000));

describe('the parts of a package', () => {
  it('are looked at again a minute later when pkgutil was killed', async () => {
    mac.tool('/usr/sbin/pkgutil', 'kill -9 $$');
    await expect(check()).rejects.toMatchObject({ code: 'COMMAND_KILLED' });
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ['a product archive', { Distribution: OWN, 'KDK.pkg/PackageInfo': info(WANTED) }],
    [
      'one with the SDK beside it',
      { 'KDK.pkg/PackageInfo': info(WANTED), 'SDK.pkg/PackageInfo': info(`com.apple.pkg.KDK_SDK.${BUILD}`) },
    ],
    ['a component alone', { PackageInfo: info(WANTED) }],
    ['one whose files lie deeper', { Distribution: OWN, 'parts/KDK.pkg/PackageInfo': info(WANTED) }],
  ])('are taken: %s', async (_what, files) => {
    expandsTo(files);
    await expect(check()).resolves.toBeUndefined();
  });

  const many = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`${at}.pkg/PackageInfo`, info(WANTED)]));
  it.each<[string, Readonly<Record<string, string>>, RegExp]>([
    ['another build', { 'KDK.pkg/PackageInfo': info('com.apple.pkg.KDK.23F80') }, /23F80/],
    ['nothing', {}, /none/],
    [
      'a second package in a folder of its own',
      { 'KDK.pkg/PackageInfo': info(WANTED), 'KDK.pkg/Resources/deep/Evil.pkg/PackageInfo': info('com.evil') },
      /com\.evil/,
    ],
    ['more packages than anybody looks at', many, /at most 50/],
    ['a link for a PackageInfo', { 'A.pkg/x': '', 'KDK.pkg/PackageInfo': '-> ../../../elsewhere' }, /plain files/],
    [
      'a second distribution',
      { Distribution: OWN, 'KDK.pkg/PackageInfo': info(WANTED), 'KDK.pkg/Distribution': OWN },
      /2 distributions/,
    ],
    [
      'a distribution that brings a package from elsewhere',
      {
        Distribution: distribution(
          `<pkg-ref id="${WANTED}">#KDK.pkg</pkg-ref>`,
          '<pkg-ref id="x">file:../Evil.pkg</pkg-ref>',
        ),
        'KDK.pkg/PackageInfo': info(WANTED),
      },
      /file:\.\.\/Evil\.pkg/,
    ],
  ])('are refused: %s', async (_what, files, why) => {
    expandsTo(files);
    await expect(check()).rejects.toMatchObject({ code: 'KDK_WRONG_PACKAGE', message: expect.stringMatching(why) });
  });
});

describe('references of a distribution', () => {
  it.each<[string, readonly string[]]>([
    ['#KDK.pkg', []],
    ['#Kernel%20Debug%20Kit.pkg', []],
    ['', []],
    ['\n  #KDK.pkg\n', []],
    ['Evil.pkg', ['Evil.pkg']],
    ['http://example.org/Evil.pkg', ['http://example.org/Evil.pkg']],
    ['#../Evil.pkg', ['#../Evil.pkg']],
    ['#file:Evil.pkg', ['#file:Evil.pkg']],
    ['&#102;ile:Evil.pkg', ['&#102;ile:Evil.pkg']],
  ])('%j leads to %j', (name, outside) => {
    expect(parseOutsidePackages(distribution(`<pkg-ref id="x">${name}</pkg-ref>`))).toEqual({
      ok: true,
      value: outside,
    });
  });

  it.each(['<pkg-ref id="x"><![CDATA[file:Evil.pkg]]></pkg-ref>', '<pkg-ref id="x>#a</pkg-ref>', '<pkg-ref'])(
    'are unknown where they cannot be read: %s',
    (text) => {
      expect(parseOutsidePackages(distribution(text))).toMatchObject({ ok: false });
    },
  );
});
