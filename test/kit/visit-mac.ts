/** A simulated Mac with the visit kit placed on it, and its visit code: where every test of the kit begins. */
import { createHash, randomUUID } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BREAK_GLASS_FILE, crockford25, quotaWords, visitCode, visitRandom } from '@headroom/core';
import { bootMac, createMac, kernelVersionText, loadState, type SimState, systemFor } from '@headroom/mac-sim';
import { buildBundleFile, buildKernelFile, writeKernelCollection } from '../../packages/mac-sim/dist/kernel/index.js';
import {
  type RecoverySessionOptions,
  type RecoverySessionResult,
  recoverySession,
} from '../../packages/mac-sim/dist/recovery/index.js';
import { copyFolder } from '../support/copy-folder.ts';

export const KIT_SOURCE = fileURLToPath(new URL('../../apps/agent/kit/', import.meta.url));
const KIT_NAMES = ['raise', 'check', 'revert'] as const;
export const REVERT_LINE = 'sh /Volumes/*/Library/Headroom/revert';
export const md5 = (data: string | Buffer): string => createHash('md5').update(data).digest('hex');

export interface MacOptions {
  readonly variant?: string;
  readonly version?: string;
  readonly build?: string;
  readonly systemName?: string;
  readonly fileVault?: boolean;
}

interface CollectionOptions {
  readonly variant?: string;
  /** Another one gives another kernel collection. */
  readonly bundleVersion?: string;
  readonly version?: string;
  readonly build?: string;
  readonly hasQuotaSupport?: boolean;
}

export interface VisitMac {
  readonly dir: string;
  /** LC_UUID of the kernel collection in the kit. */
  readonly kcUuid: string;
  readonly bootArgs: string;
  readonly code: string;
  /** What the run sheet says to type. */
  readonly line: string;
  readonly kit: string;
  state(): SimState;
  /** Lines `key=value` of the receipt; null when there is none. */
  receipt(): Record<string, string> | null;
  setManifest(change: Readonly<Record<string, string>>): void;
  /** Replaces the kernel collection of the kit without telling the manifest. */
  writeCollection(options: CollectionOptions): Promise<string>;
  /** The kit of a new visit with its own code, as Headroom places it. */
  placeKit(options?: CollectionOptions, manifest?: Readonly<Record<string, string>>): Promise<void>;
  /** The kit that the agent has placed is the one to visit with. */
  adoptKit(): void;
  /** A visit: types the line that the run sheet prints, or another one. */
  visit(options?: Partial<RecoverySessionOptions>): Promise<RecoverySessionResult>;
  /** A visit that takes the raise back. */
  revert(options?: Partial<RecoverySessionOptions>): Promise<RecoverySessionResult>;
  remove(): void;
}

const QUOTA = 255;
const EXPIRES = '2099-01-31T00:00:00.000Z';

export async function visitMac(options: MacOptions = {}): Promise<VisitMac> {
  const { variant = 'T6020', version = '14.5', build = '23F79', systemName, fileVault = false } = options;
  const folder = newFolder();
  const named = systemName === undefined ? {} : { systemName };
  createMac(macIn(folder), { variant, version, build, fileVault, ...named });
  bootMac(macIn(folder));
  const mac = openVisitMac(folder);
  mkdirSync(mac.kit, { recursive: true });
  await mac.placeKit();
  return mac;
}

/** The same Mac, as it is now, in a folder of its own: a Mac finds everything from its own path. */
export function copyOf({ dir }: VisitMac): VisitMac {
  const folder = newFolder();
  copyFolder(dir, macIn(folder), { verbatimSymlinks: true });
  const mac = openVisitMac(folder);
  mac.adoptKit();
  return mac;
}

/** With a blank, as the names of volumes have them. */
function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'visit mac-'));
}

function macIn(folder: string): string {
  return join(folder, 'mac');
}

function openVisitMac(folder: string): VisitMac {
  const dir = macIn(folder);
  const { hardware, os, volumes } = loadState(dir);
  const { variant } = hardware;
  const { version, build } = os;
  const kit = join(dir, 'Library/Headroom');
  const collection = join(kit, 'KernelCollection.kc');
  const manifest: Record<string, string> = {};
  let kcUuid = '';
  let code = '';

  const setManifest = (change: Readonly<Record<string, string>>): void => {
    Object.assign(manifest, change);
    const lines = Object.entries(manifest).map(([key, value]) => `${key}=${value}\n`);
    writeFileSync(join(kit, 'manifest'), lines.join(''));
  };
  const writeCollection = (of: CollectionOptions): Promise<string> =>
    writeKc(collection, { variant, version, build, bundleVersion: '1.0.0', hasQuotaSupport: true, ...of });
  const placeKit = async (of: CollectionOptions = {}, change: Readonly<Record<string, string>> = {}): Promise<void> => {
    writeFileSync(join(kit, BREAK_GLASS_FILE), 'The page of this Mac.\n');
    for (const name of KIT_NAMES) cpSync(join(KIT_SOURCE, 'raise'), join(kit, name));
    kcUuid = await writeCollection(of);
    setManifest({
      'headroom-manifest': '1',
      visit: randomUUID(),
      'host-uuid': hardware.hostUuid,
      'group-uuid': volumes.group,
      'system-uuid': volumes.systemUuid,
      'data-uuid': volumes.dataUuid,
      'kc-file': 'KernelCollection.kc',
      'kc-md5': md5(readFileSync(collection)),
      'kc-uuid': kcUuid,
      build: of.build ?? build,
      variant,
      quota: String(QUOTA),
      'boot-args': quotaWords(QUOTA).join(' '),
      expires: EXPIRES,
      'proven-coih': '',
      'agent-version': '0.1.0',
      ...change,
    });
    code = codeFor(manifest);
  };
  const adoptKit = (): void => {
    for (const key of Object.keys(manifest)) delete manifest[key];
    Object.assign(manifest, keyValues(join(kit, 'manifest')));
    kcUuid = manifest['kc-uuid'] ?? '';
    code = codeFor(manifest);
  };
  const line = (): string => `sh /Volumes/*/Library/Headroom/raise ${code}`;

  return {
    dir,
    kit,
    setManifest,
    writeCollection,
    get kcUuid() {
      return kcUuid;
    },
    get bootArgs() {
      return manifest['boot-args'] ?? '';
    },
    get code() {
      return code;
    },
    get line() {
      return line();
    },
    placeKit,
    adoptKit,
    state: () => loadState(dir),
    receipt: () => keyValues(join(kit, 'receipt')),
    visit: (visit = {}) => recoverySession({ dir, shell: 'dash', line: line(), ...visit }),
    revert: (visit = {}) => recoverySession({ dir, shell: 'dash', line: REVERT_LINE, ...visit }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The code that the controller shows; a manifest that is changed later does not change it. */
function codeFor(manifest: Readonly<Record<string, string>>): string {
  const value = (key: string): string => manifest[key] ?? '';
  const kcMd5 = value('kc-md5');
  const random = visitRandom(Buffer.from(crockford25(kcMd5)));
  const [hostUuid, bootArgs, expiresAt] = [value('host-uuid'), value('boot-args'), value('expires')];
  return visitCode({ random, kcMd5, hostUuid, quota: QUOTA, bootArgs, expiresAt }, md5);
}

async function writeKc(out: string, options: Required<CollectionOptions>): Promise<string> {
  const { variant, version, build, bundleVersion, hasQuotaSupport } = options;
  const versionText = kernelVersionText(systemFor(version, build), variant, 'development');
  const id = 'com.apple.driver.AppleSMC';
  const binary = buildBundleFile({ id, version: bundleVersion, build, osVersion: version });
  const { uuid } = await writeKernelCollection({
    kernelFile: buildKernelFile({ versionText, osVersion: version, build, hasQuotaSupport }),
    bundles: [{ id, version: bundleVersion, binary }],
    build,
    out,
  });
  return uuid;
}

function keyValues(path: string): Record<string, string> | null {
  if (!existsSync(path)) return null;
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}
