/**
 * What the agent reads out of a kernel collection decides what counts as evidence, so two independent readers must agree with
 * it: on what the simulated kmutil writes, and on a collection made by LLVM.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFileset } from '../../apps/agent/src/macho/fileset.ts';
import { TestMac } from '../../packages/mac-sim/src/doing/harness.fixture.ts';
import { makeByLlvm } from './made-by-llvm.ts';
import { seenByLlvm, seenByMacholib, withLlvm, withMacholib } from './other-readers.ts';

/** Systems and variants whose collections differ: in bundles, version text and identity. */
const MACS = [
  { version: '14.5', build: '23F79', variant: 'T6020', bundles: 40 },
  { version: '15.1', build: '24B82', variant: 'T8122', bundles: 12 },
  { version: '26.2', build: '25C56', variant: 'T6041', bundles: 1 },
] as const;

const folder = mkdtempSync(join(tmpdir(), 'headroom-readers-'));
const macs: TestMac[] = [];
const collections = new Map<string, string>();

beforeAll(async () => {
  for (const each of MACS) collections.set(each.build, await collectionOf(each));
});
afterAll(() => {
  for (const mac of macs) mac.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** Installs the KDK and runs the simulated kmutil over the first bundles that it lists. */
async function collectionOf({ version, build, variant, bundles }: (typeof MACS)[number]): Promise<string> {
  const mac = new TestMac(version, build, variant);
  macs.push(mac);
  await mac.installKdk({ variants: [variant] });
  const kdk = `/Library/Developer/KDKs/KDK_${version}_${build}.kdk`;
  const { stdout } = await mac.run('kmutil', 'inspect', '-V', 'release', '--no-header');
  const rows = stdout.split('\n').filter((row) => row.startsWith('com.apple.') && !row.includes('SEPHiber'));
  const kernel = `${kdk}/System/Library/Kernels/kernel.development.${variant.toLowerCase()}`;
  const args = ['--arch', 'arm64e', '--no-authorization', '--variant-suffix', 'development', '--new', 'boot'];
  args.push('--boot-path', '/Users/Shared/built.kc', '--kernel', kernel);
  for (const folderOfKexts of [`${kdk}/System/Library/Extensions`, '/System/Library/Extensions'])
    args.push('--repository', folderOfKexts);
  args.push('--repository', '/System/Library/DriverExtensions', '--explicit-only');
  args.push(...rows.slice(0, bundles).flatMap((row) => ['-b', row.split('\t')[0] ?? '']));
  const result = await mac.run('kmutil', 'create', ...args);
  if (result.status !== 0) throw new Error(result.stderr);
  return join(mac.root, 'Users/Shared/built.kc');
}

async function seenByUs(path: string) {
  const reading = await readFileset(path);
  if (!reading.ok) throw new Error(reading.reason);
  const { arm64e, uuid, entries } = reading.value;
  return { fileset: true, arm64e, uuid, ids: entries.map(({ id }) => id), uuids: entries.map((entry) => entry.uuid) };
}

describe.each(MACS)(
  'collection of the simulated kmutil for $variant, $build, $bundles bundles',
  ({ build, bundles }) => {
    const path = (): string => collections.get(build) ?? '';

    it('is a fileset of the kernel and the bundles for our reader', async () => {
      expect((await seenByUs(path())).ids).toHaveLength(bundles + 1);
    });

    it(
      'is the same for llvm-objdump-19 and obj2yaml-19 (Debian: llvm-19)',
      withLlvm(async () => {
        const { uuids: _, ...ours } = await seenByUs(path());
        expect(ours).toEqual(seenByLlvm(path()));
      }),
    );

    it(
      'is the same for macholib, each image inside included (Debian: python3-macholib)',
      withMacholib(async () => {
        expect(await seenByUs(path())).toEqual(seenByMacholib(path()));
      }),
    );
  },
);

describe('collection made by yaml2obj-19 (Debian: llvm-19)', () => {
  const members = [
    { id: 'com.apple.kernel', uuid: '11111111-2222-3333-4444-555555555555' },
    { id: 'com.apple.driver.AppleExample', uuid: 'ABCDEF01-2345-6789-ABCD-EF0123456789' },
    { id: 'com.apple.iokit.IO_Example-Family', uuid: '00000000-0000-0000-0000-0000000000FF' },
  ];
  const uuid = 'C0FFEE00-DEAD-BEEF-0000-00000000000A';
  const expected = { fileset: true, arm64e: true, uuid, ids: members.map(({ id }) => id) };
  const uuids = members.map((member) => member.uuid);

  it(
    'is read by us as it was described',
    withLlvm(async () => {
      expect(await seenByUs(makeByLlvm(folder, uuid, members))).toEqual({ ...expected, uuids });
    }),
  );

  it(
    'is read the same by LLVM',
    withLlvm(() => {
      expect(seenByLlvm(makeByLlvm(folder, uuid, members))).toEqual(expected);
    }),
  );

  it('is read the same by macholib (Debian: python3-macholib)', (context) => {
    const read = withMacholib(() => {
      expect(seenByMacholib(makeByLlvm(folder, uuid, members))).toEqual({ ...expected, uuids });
    });
    return withLlvm(() => read(context))(context);
  });
});
