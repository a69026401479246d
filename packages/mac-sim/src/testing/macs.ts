/** For tests: simulated Macs in throw-away folders, as raised as a visit leaves them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { kernelVersionText, systemFor } from '../catalogue/systems.ts';
import { type CreateOptions, createMac } from '../create.ts';
import { buildBundleFile, buildKernelFile, writeKernelCollection } from '../kernel/index.ts';
import { simPaths } from '../paths.ts';
import { bootMac } from '../power.ts';
import { type SimState, updateState } from '../state.ts';

export const RAISED_BOOT_ARGS = 'kcsuffix=development hypervisor=0x1 hv_apple_isa_vm_quota=0xFF';
export const COIH = 'E354B8F5B5D75F9721CE86B2ABA7D9715F244AA16FD47173F55344A29B07C223D39485A54178C985E13F60DF94C6498A';

const folders: string[] = [];
// Not when the process ends: it is killed once its file is done.
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A new folder that goes when all tests of the file are done. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mac-sim-'));
  folders.push(folder);
  return folder;
}

export function newMac(options: Partial<CreateOptions> = {}): string {
  const dir = join(newFolder(), 'mac');
  createMac(dir, { variant: 'T6020', version: '14.5', build: '23F79', id: 'test-mac', ...options });
  return dir;
}

export interface ObjectOptions {
  /** Build that the kernel object is for; default the Mac's own. */
  readonly version?: string;
  readonly build?: string;
  readonly quotaSupport?: boolean;
  readonly bootArgs?: string | null;
}

/** What a visit leaves: policy lowered, kernel object installed, arguments stored; the Mac is off. */
export function installKernel(dir: string, options: ObjectOptions = {}): SimState {
  return updateState(dir, (draft) => {
    const version = options.version ?? draft.os.version;
    const build = options.build ?? draft.os.baseBuild;
    const id = 'com.apple.driver.AppleSMC';
    const kernelFile = buildKernelFile({
      versionText: kernelVersionText(systemFor(version, build), draft.hardware.variant, 'development'),
      osVersion: version,
      build,
      ...(options.quotaSupport === undefined ? {} : { hasQuotaSupport: options.quotaSupport }),
    });
    const binary = buildBundleFile({ id, version: '1', build, osVersion: version });
    const out = simPaths(dir).customKernel(draft.volumes.group, draft.policy.nsih, COIH);
    writeKernelCollection({ kernelFile, bundles: [{ id, version: '1', binary }], build, out });
    Object.assign(draft.policy, { smb0: true, smb1: true, sip0: '7f', sip2: true, sip3: true, coih: COIH });
    const bootArgs = options.bootArgs === undefined ? RAISED_BOOT_ARGS : options.bootArgs;
    if (bootArgs !== null) draft.nvram.stored['boot-args'] = bootArgs;
  });
}

export function raisedMac(): string {
  const dir = newMac();
  installKernel(dir);
  bootMac(dir);
  return dir;
}
