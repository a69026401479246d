/** A release folder as `npm run package:agent` makes it, with a stand-in for the 113 MB of Node that is pinned by its own sums. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = new URL('../../', import.meta.url).pathname.replace(/\/$/, '');
export const HOME = 'root/Library/Application Support/HeadroomAgent';

interface Pin {
  readonly package: string;
  readonly version: string;
  readonly integrity: string;
  readonly binary: string;
  readonly binarySha256: string;
  readonly team: string;
}

interface BuildModules {
  readonly bundleAgent: (input: { root: string; outfile: string }) => Promise<{ bytes: number; packages: string[] }>;
  readonly licencesOf: (root: string, packages: readonly string[]) => string;
  readonly writeLayout: (input: Record<string, unknown>) => void;
  readonly tarGz: (folder: string, name: string) => Buffer;
}

export async function buildModules(): Promise<BuildModules> {
  const load = (file: string) => import(new URL(`../../packaging/build/${file}`, import.meta.url).href);
  return { ...(await load('bundle.mjs')), ...(await load('layout.mjs')), ...(await load('tar.mjs')) };
}

export interface Release {
  readonly layout: string;
  readonly packages: readonly string[];
  /** The npm package of the stand-in Node. */
  readonly nodeTarball: string;
  readonly pin: Pin;
}

export async function makeRelease(folder: string): Promise<Release> {
  const { bundleAgent, licencesOf, writeLayout } = await buildModules();
  const { nodeTarball, pin } = standInNode(folder);
  const bundle = join(folder, 'agent.cjs');
  const { packages } = await bundleAgent({ root: ROOT, outfile: bundle });
  const layout = join(folder, 'layout');
  const licences = licencesOf(ROOT, packages);
  writeLayout({ root: ROOT, out: layout, version: '9.8.7', bundle, licences, pin });
  return { layout, packages, nodeTarball, pin };
}

/** A tarball in the form of the npm package whose `node` is a script that starts this Node. */
function standInNode(folder: string): { nodeTarball: string; pin: Pin } {
  const inside = join(folder, 'package');
  mkdirSync(join(inside, 'bin'), { recursive: true });
  writeFileSync(join(inside, 'bin/node'), `#!/bin/sh\nexec '${process.execPath}' "$@"\n`);
  chmodSync(join(inside, 'bin/node'), 0o755);
  writeFileSync(join(inside, 'LICENSE'), 'licence of Node\n');
  const nodeTarball = join(folder, 'node-stand-in.tgz');
  execFileSync('tar', ['-czf', nodeTarball, '-C', folder, 'package']);
  const digest = (algorithm: string, file: string, form: 'hex' | 'base64') =>
    createHash(algorithm).update(readFileSync(file)).digest(form);
  const real: Pin = JSON.parse(readFileSync(join(ROOT, 'packaging/node.json'), 'utf8'));
  const integrity = `sha512-${digest('sha512', nodeTarball, 'base64')}`;
  const binarySha256 = digest('sha256', join(inside, 'bin/node'), 'hex');
  return { nodeTarball, pin: { ...real, integrity, binarySha256 } };
}

export function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

export function sh(script: string, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync('/bin/sh', [script, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

/** Makes a copy of a script in which tools of macOS are stand-ins; everything else is the shipped text. */
export function withStandIns(script: string, copy: string, standIns: Readonly<Record<string, string>>): string {
  const before = readFileSync(script, 'utf8');
  const text = Object.entries(standIns).reduce((now, [tool, standIn]) => {
    if (!now.includes(tool)) throw new Error(`${script} does not call ${tool}`);
    return now.replaceAll(tool, standIn);
  }, before);
  writeFileSync(copy, text, { mode: 0o755 });
  return copy;
}
