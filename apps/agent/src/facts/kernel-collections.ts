/**
 * Kernel collections that Headroom built or placed: identity from the file itself. What was built for which build stands
 * in the sidecar that the build step writes, or in the kit's manifest; the variant stands in the kernel, too.
 */
import { join } from 'node:path';
import { isPlainFile, namesIn } from '../file-looks.ts';
import { isObject, readTextFile } from '../files.ts';
import { known, part, type Reading, unknown } from '../macos/reading.ts';
import { resolve } from '../macos/sysroot.ts';
import { BUILD_PATTERN } from '../macos/text.ts';
import type { ToolContext } from '../macos/tool.ts';
import { parseKernelVersion } from '../macos/uname.ts';
import { KC_FOLDER, KIT_FOLDER } from '../paths.ts';
import { identify } from './collection-identity.ts';
import { parseKeyValues } from './key-values.ts';

const COLLECTION_NAME = /^[A-Za-z0-9_.-]+\.kc(\.development)?$/;
const COLLECTIONS_MAX = 20;
const TEXT_BYTES_MAX = 1024 * 1024;

/** What the file alone says is always there; the rest may be unknown, each by itself. */
export interface CollectionReading {
  readonly path: string;
  readonly sha256: string;
  readonly md5: string;
  readonly build: Reading<string>;
  readonly variant: Reading<string>;
  readonly uuid: Reading<string>;
  readonly bundles: Reading<number>;
}

export async function readKernelCollections(context: ToolContext): Promise<Reading<readonly CollectionReading[]>> {
  const paths = (await Promise.all([KC_FOLDER, KIT_FOLDER].map((folder) => collectionsIn(context, folder)))).flat();
  const collections: CollectionReading[] = [];
  for (const path of paths.slice(0, COLLECTIONS_MAX)) collections.push(await describe(context, path));
  return known(collections);
}

async function collectionsIn({ sysroot }: ToolContext, folder: string): Promise<readonly string[]> {
  const names = await namesIn(resolve(sysroot, folder));
  const paths = names.filter((name) => COLLECTION_NAME.test(name)).map((name) => `${folder}/${name}`);
  const plain = await Promise.all(paths.map((path) => isPlainFile(resolve(sysroot, path))));
  return paths.filter((_, index) => plain[index]);
}

async function describe({ sysroot, signal }: ToolContext, path: string): Promise<CollectionReading> {
  const file = resolve(sysroot, path);
  const { sha256, md5, fileset } = await identify(file, signal);
  const noted = (await sidecarOf(file)) ?? (await manifestOf(file));
  const recorded =
    noted === null ? unknown('neither a sidecar nor a manifest says what it was built for') : known(noted);
  const variant = part(
    fileset,
    ({ kernelVersionText: text }) => (text === null ? null : (parseKernelVersion(text)?.variant ?? null)),
    'the kernel in it names no variant',
  );
  return {
    path,
    sha256,
    md5,
    build: part(recorded, ({ build }) => build, ''),
    variant: variant.ok || !recorded.ok ? variant : known(recorded.value.variant),
    uuid: part(fileset, ({ uuid }) => uuid, 'it holds no UUID'),
    bundles: part(fileset, ({ bundles }) => bundles, 'it does not say its bundles'),
  };
}

interface Recorded {
  readonly build: string;
  readonly variant: string;
}

/** `<file>.json`; a damaged one says nothing. */
async function sidecarOf(file: string): Promise<Recorded | null> {
  const text = await readTextFile(`${file}.json`, TEXT_BYTES_MAX);
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? recordedOf(value['build'], value['variant']) : null;
  } catch {
    return null;
  }
}

/** The kit's manifest, for the very file that it names. */
async function manifestOf(file: string): Promise<Recorded | null> {
  const text = await readTextFile(join(file, '../manifest'), TEXT_BYTES_MAX);
  const values = text === null ? null : parseKeyValues(text);
  if (values === null || !file.endsWith(`/${values.get('kc-file')}`)) return null;
  return recordedOf(values.get('build'), values.get('variant'));
}

function recordedOf(build: unknown, variant: unknown): Recorded | null {
  if (typeof build !== 'string' || typeof variant !== 'string') return null;
  return BUILD_PATTERN.test(build) && /^[A-Za-z0-9]{1,32}$/.test(variant)
    ? { build, variant: variant.toUpperCase() }
    : null;
}
