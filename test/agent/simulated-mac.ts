/** A simulated Mac with its KDK image, a grant key, and the agent's command line on it. Each test makes its own and removes it. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  encodeGrant,
  type GrantPayload,
  type KdkSource,
  mergeBootArgs,
  type Plan,
  type PlanStep,
} from '@headroom/core';
import { bootMac, createMac, type KdkOptions, loadState, writeKdkImage } from '@headroom/mac-sim';
import { copyFolder } from '../support/copy-folder.ts';

const BUILD = '23F79';
const VERSION = '14.5';
const VARIANT = 'T6020';
const FLEET = 'fleet-1';
const launcher = (name: string): string => fileURLToPath(new URL(`../../bin/${name}.mjs`, import.meta.url));

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function command(name: string, args: readonly string[]): Promise<CommandResult> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [launcher(name), ...args]);
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as Error & CommandResult;
    return { code, stdout, stderr };
  }
}

export class SimulatedMac {
  readonly sysroot: string;
  readonly grantKeyFile: string;
  kdkFile = '';
  kdk: KdkSource = { build: BUILD, version: VERSION, sha256: '', sizeBytes: 0, fileName: '' };
  hostUuid = '';
  private readonly grantKey: KeyObject;
  private plans = 0;

  /** `folder` holds the Mac and what tests lay beside it; one that another made has a running Mac in it. */
  constructor(readonly folder = newFolder()) {
    this.sysroot = join(folder, 'mac');
    this.grantKeyFile = join(folder, 'grant-key.pem');
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    this.grantKey = privateKey;
    writeFileSync(this.grantKeyFile, publicKey.export({ type: 'spki', format: 'pem' }));
  }

  start(kdkOptions: Partial<KdkOptions> = {}): this {
    createMac(this.sysroot, { variant: VARIANT, version: VERSION, build: BUILD });
    bootMac(this.sysroot);
    return this.prepare(kdkOptions);
  }

  /** Makes the KDK image, and reads who the Mac is. */
  prepare(kdkOptions: Partial<KdkOptions> = {}): this {
    const { path, sha256, sizeBytes } = writeKdkImage(this.folder, { os: VERSION, build: BUILD, ...kdkOptions });
    this.kdkFile = path;
    this.kdk = { ...this.kdk, sha256, sizeBytes, fileName: basename(path) };
    this.hostUuid = loadState(this.sysroot).hardware.hostUuid;
    return this;
  }

  /** The same Mac, as it is now, in a folder of its own: a Mac finds everything from its own path. */
  copy(): SimulatedMac {
    const folder = newFolder();
    copyFolder(this.folder, folder, { verbatimSymlinks: true });
    const copy = new SimulatedMac(folder);
    copy.kdkFile = join(folder, this.kdk.fileName);
    copy.kdk = this.kdk;
    copy.hostUuid = this.hostUuid;
    copy.plans = this.plans;
    return copy;
  }

  async macSim(name: string, ...args: readonly string[]): Promise<string> {
    return (await expectOk('mac-sim', [name, this.sysroot, ...args])).stdout;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  raiseSteps(quota = 16): readonly PlanStep[] {
    const bootArgs = bootArgsFor(quota);
    return [
      { kind: 'install_kdk', kdk: this.kdk, variant: VARIANT },
      { kind: 'build_kc', build: BUILD, variant: VARIANT, dropBundles: [] },
      { kind: 'place_kit', visitId: 'visit-1', quota, bootArgs, build: BUILD, variant: VARIANT },
    ];
  }

  grant(changes: Partial<GrantPayload> = {}): Plan['grant'] {
    const payload = encodeGrant({
      schemaVersion: 1,
      grantId: 'grant-1',
      fleetId: FLEET,
      hostUuids: [this.hostUuid],
      quotaMax: 64,
      extraArgs: [],
      notBefore: new Date(Date.now() - 60_000).toISOString(),
      expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
      shownTextSha256: 'a'.repeat(64),
      approver: 'anna',
      purpose: 'CI guests',
      simulation: true,
      ...changes,
    });
    return { payload, signature: sign(null, Buffer.from(payload), this.grantKey).toString('base64'), keyId: 'key-1' };
  }

  plan(steps: readonly PlanStep[], changes: Partial<Plan> = {}): Plan {
    this.plans += 1;
    return {
      schemaVersion: 1,
      planId: `plan-${this.plans}`,
      fleetId: FLEET,
      hostId: 'host-1',
      hostUuid: this.hostUuid,
      generation: this.plans,
      intentNumber: 1,
      quota: 16,
      steps,
      grant: this.grant(),
      ...changes,
    };
  }

  applyArgs(plan: Plan): readonly string[] {
    const file = join(this.folder, `${plan.planId}.json`);
    writeFileSync(file, JSON.stringify(plan));
    const options = ['--plan', file, '--kdk', this.kdkFile, '--grant-key', this.grantKeyFile];
    return ['apply-plan', '--sysroot', this.sysroot, ...options];
  }

  apply(plan: Plan): Promise<CommandResult> {
    return command('headroom-agent', this.applyArgs(plan));
  }

  /** Runs a plan and kills the agent (-9) once it has printed a line that holds `text`, and `afterMs` more. */
  async applyAndKill(plan: Plan, text: string, afterMs: number): Promise<boolean> {
    const args = [launcher('headroom-agent'), ...this.applyArgs(plan)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise<boolean>((resolve) =>
      child.once('exit', (_code, signal) => resolve(signal === 'SIGKILL')),
    );
    killAt(child, text, afterMs);
    return ended;
  }

  /** The KDK of the image, by a person with Apple's tools. */
  installByHand(): void {
    copyFileSync(this.kdkFile, join(this.sysroot, 'Users/Shared/kdk.dmg'));
    const volume = '/Volumes/Kernel Debug Kit';
    const lines = [
      ['hdiutil', 'attach', '-nobrowse', '-readonly', '/Users/Shared/kdk.dmg'],
      ['installer', '-pkg', `${volume}/KernelDebugKit.pkg`, '-target', '/'],
      ['hdiutil', 'detach', volume],
    ];
    for (const [tool = '', ...args] of lines) {
      const folder = tool === 'hdiutil' ? 'usr/bin' : 'usr/sbin';
      const { status, stderr } = spawnSync(join(this.sysroot, folder, tool), args, { encoding: 'utf8' });
      if (status !== 0) throw new Error(`${tool} ${args.join(' ')}: ${stderr}`);
    }
  }

  /** Names in a folder of the Mac; none when it is not there. */
  list(macPath: string): readonly string[] {
    try {
      return readdirSync(join(this.sysroot, macPath)).sort();
    } catch {
      return [];
    }
  }

  /** What the agent's journal holds now; a file that is being replaced counts as none. */
  journal(): readonly { readonly job: { readonly kind: string }; readonly phase: string }[] {
    return this.list('/var/db/headroom/journal').flatMap((name) => {
      try {
        return name.startsWith('.') ? [] : [JSON.parse(this.read(`/var/db/headroom/journal/${name}`))];
      } catch {
        return [];
      }
    });
  }

  write(macPath: string, text: string): void {
    mkdirSync(dirname(join(this.sysroot, macPath)), { recursive: true });
    writeFileSync(join(this.sysroot, macPath), text);
  }

  read(macPath: string): string {
    return readFileSync(join(this.sysroot, macPath), 'utf8');
  }
}

function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'headroom-agent-'));
}

export function bootArgsFor(quota: number): string {
  const merged = mergeBootArgs({ stored: null, quota, extra: [], granted: [] });
  if (!merged.ok) throw new Error(merged.code);
  return merged.line;
}

function killAt(child: ChildProcess, text: string, afterMs: number): void {
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    const before = output.includes(text);
    output += chunk.toString('utf8');
    if (!before && output.includes(text)) setTimeout(() => child.kill('SIGKILL'), afterMs);
  });
}

async function expectOk(name: string, args: readonly string[]): Promise<CommandResult> {
  const result = await command(name, args);
  if (result.code !== 0) throw new Error(`${name} ${args.join(' ')}: ${result.stderr}${result.stdout}`);
  return result;
}
