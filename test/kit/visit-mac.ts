/** A simulated Mac with the visit kit placed on it, and its visit code: where every test of the kit begins. */
import { createHash, randomUUID } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crockford25, quotaWords, visitCode, visitRandom } from '@headroom/core';
import { bootMac, createMac, kernelVersionText, loadState, type SimState, systemFor } from '@headroom/mac-sim';
import { buildBundleFile, buildKernelFile, writeKernelCollection } from '../../packages/mac-sim/dist/kernel/index.js';
import {
  type RecoverySessionOptions,
  type RecoverySessionResult,
  recoverySession,
} from '../../packages/mac-sim/dist/recovery/index.js';

export const KIT_SOURCE = fileURLToPath(new URL('../../apps/agent/kit/', import.meta.url));
export const KIT_NAMES = ['raise', 'check', 'revert'] as const;
export const md5 = (data: string | Buffer): string => createHash('md5').update(data).digest('hex');

export interface MacOptions {
  readonly version?: string;
  readonly build?: string;
  readonly systemName?: string;
}

export interface VisitMac {
  readonly dir: string;
  /** LC_UUID of the kernel collection in the kit. */
  readonly kcUuid: string;
  readonly bootArgs: string;
  readonly code: string;
  readonly kit: string;
  state(): SimState;
  /** Lines `key=value` of the receipt; null when there is none. */
  receipt(): Record<string, string> | null;
  setManifest(change: Readonly<Record<string, string>>): void;
  /** Replaces the kernel collection of the kit without telling the manifest. */
  writeCollection(bundleVersion: string): Promise<string>;
  /** A visit: types the line that the run sheet prints, or another one. */
  visit(options?: Partial<RecoverySessionOptions>): Promise<RecoverySessionResult>;
  /** A visit that takes the raise back. */
  revert(options?: Partial<RecoverySessionOptions>): Promise<RecoverySessionResult>;
  remove(): void;
}

export const REVERT_LINE = 'sh /Volumes/*/Library/Headroom/revert';
const QUOTA = 255;
const EXPIRES = '2099-01-31T00:00:00.000Z';

export async function visitMac({ version = '14.5', build = '23F79', systemName }: MacOptions = {}): Promise<VisitMac> {
  const folder = mkdtempSync(join(tmpdir(), 'visit mac-'));
  const dir = join(folder, 'mac');
  createMac(dir, { variant: 'T6020', version, build, ...(systemName === undefined ? {} : { systemName }) });
  bootMac(dir);
  const { hardware, volumes } = loadState(dir);
  const kit = join(dir, 'Library/Headroom');
  const collection = join(kit, 'KernelCollection.kc');
  mkdirSync(kit, { recursive: true });
  for (const name of KIT_NAMES) cpSync(join(KIT_SOURCE, 'raise'), join(kit, name));

  const writeCollection = async (bundleVersion: string): Promise<string> => {
    const system = systemFor(version, build);
    const id = 'com.apple.driver.AppleSMC';
    const { uuid } = await writeKernelCollection({
      kernelFile: buildKernelFile({
        versionText: kernelVersionText(system, 'T6020', 'development'),
        osVersion: version,
        build,
      }),
      bundles: [
        {
          id,
          version: bundleVersion,
          binary: buildBundleFile({ id, version: bundleVersion, build, osVersion: version }),
        },
      ],
      build,
      out: collection,
    });
    return uuid;
  };
  const kcUuid = await writeCollection('1.0.0');
  const kcMd5 = md5(readFileSync(collection));
  const bootArgs = quotaWords(QUOTA).join(' ');
  const manifest: Record<string, string> = {
    'headroom-manifest': '1',
    visit: randomUUID(),
    'host-uuid': hardware.hostUuid,
    'group-uuid': volumes.group,
    'system-uuid': volumes.systemUuid,
    'data-uuid': volumes.dataUuid,
    'kc-file': 'KernelCollection.kc',
    'kc-md5': kcMd5,
    'kc-uuid': kcUuid,
    build,
    variant: 'T6020',
    quota: String(QUOTA),
    'boot-args': bootArgs,
    expires: EXPIRES,
    'proven-coih': '',
  };
  const setManifest = (change: Readonly<Record<string, string>>): void => {
    Object.assign(manifest, change);
    const lines = Object.entries(manifest).map(([key, value]) => `${key}=${value}\n`);
    writeFileSync(join(kit, 'manifest'), lines.join(''));
  };
  setManifest({});
  const code = visitCode(
    {
      random: visitRandom(Buffer.from(crockford25(kcMd5))),
      kcMd5,
      hostUuid: hardware.hostUuid,
      quota: QUOTA,
      bootArgs,
      expiresAt: EXPIRES,
    },
    md5,
  );

  return {
    dir,
    kcUuid,
    bootArgs,
    code,
    kit,
    setManifest,
    writeCollection,
    state: () => loadState(dir),
    receipt: () => keyValues(join(kit, 'receipt')),
    visit: (options = {}) =>
      recoverySession({ dir, shell: 'dash', line: `sh /Volumes/*/Library/Headroom/raise ${code}`, ...options }),
    revert: (options = {}) => recoverySession({ dir, shell: 'dash', line: REVERT_LINE, ...options }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function keyValues(path: string): Record<string, string> | null {
  if (!existsSync(path)) return null;
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}
