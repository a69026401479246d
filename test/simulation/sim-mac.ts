/**
 * A Mac as far as a raise goes: disk, boot policy, nvram, the kernel that runs, and what a person can do to it in recoveryOS.
 * What is true here is what a proof has to agree with.
 */
import { createHash } from 'node:crypto';
import {
  type Facts,
  JOB_KINDS,
  type KcResult,
  type KernelCollectionFact,
  type PlanStep,
  visitCode,
} from '@headroom/core';
import { stockFacts } from '../../packages/core/testing/sample-host.ts';
import type { Random } from '../../scripts/fuzz/random.ts';

/** Kinds of kernels of the Macs here. */
export const VARIANTS = ['T6020', 'T8112'] as const;
export const CAPABILITIES: readonly string[] = JOB_KINDS;

export interface PlacedKit {
  readonly visitId: string;
  readonly quota: number;
  readonly bootArgs: string;
  readonly expiresAt: string;
  readonly kc: KcResult;
  /** false = it leads back only. */
  armed: boolean;
}

interface BootPolicy {
  readonly lowered: boolean;
  /** The kernel collection that the next boot starts; null = the stock one. */
  readonly kc: KcResult | null;
  readonly coih: string;
}

interface RunningKernel {
  /** null = the stock kernel. */
  readonly kc: KcResult | null;
  readonly args: string;
}

/** How far the person gets before giving up. */
export type VisitLength = 'csrutil' | 'configure-boot' | 'nvram-fails' | 'all';

const STOCK_POLICY: BootPolicy = { lowered: false, kc: null, coih: 'absent' };

/** Everything that a copy of the disk, or a clone, has too. */
export interface MacDisk {
  build: string;
  kdks: string[];
  kcs: KcResult[];
  kit: PlacedKit | null;
  receipt: Facts['receipt'];
}

export class SimMac {
  disk: MacDisk = { build: '23F79', kdks: [], kcs: [], kit: null, receipt: null };
  nvram: string | null = null;
  policy: BootPolicy = STOCK_POLICY;
  running: RunningKernel = { kc: null, args: '' };
  bootSession: string;
  boots = 0;

  constructor(
    readonly hardwareUuid: string,
    private readonly random: Random,
    readonly variant: (typeof VARIANTS)[number] = VARIANTS[0],
  ) {
    this.bootSession = this.newUuid();
  }

  boot(): void {
    const { kc, lowered } = this.policy;
    this.boots += 1;
    this.bootSession = this.newUuid();
    this.running = { kc, args: lowered ? (this.nvram ?? '') : '' };
  }

  /** Quota that the running kernel heeds by our doing; null when none. Known to the simulation alone. */
  quotaInForce(): number | null {
    const { kc, args } = this.running;
    const hex = /(?:^| )hv_apple_isa_vm_quota=0x([0-9A-F]+)/.exec(args)?.[1];
    return kc === null || hex === undefined ? null : Number.parseInt(hex, 16);
  }

  /** Is this step done already? Its result, or null. */
  check(step: PlanStep, expiresAt: string | null): unknown {
    const { kdks, kit, kcs } = this.disk;
    switch (step.kind) {
      case 'install_kdk':
        return kdks.includes(step.kdk.build) ? {} : null;
      case 'build_kc':
        return kcs.find(({ build }) => build === step.build) ?? null;
      case 'place_kit':
        return kit?.armed === true && kit.visitId === step.visitId && kit.expiresAt === expiresAt
          ? kitResult(kit)
          : null;
      case 'set_boot_args':
        return this.nvram === step.bootArgs ? {} : null;
      case 'collect_facts':
        return {};
      case 'clear_boot_args':
        return this.nvram === null ? {} : null;
      case 'disarm_kit':
        return kit?.armed === true ? null : {};
      case 'remove_kit':
        return kit === null && this.disk.receipt === null ? {} : null;
      case 'remove_kc':
        return kcs.length === 0 ? {} : null;
      case 'remove_kdk':
        return kdks.length === 0 ? {} : null;
    }
  }

  /** false = it cannot be done on this Mac as it is. */
  act(step: PlanStep, expiresAt: string | null): boolean {
    if (step.kind === 'install_kdk') this.disk.kdks.push(step.kdk.build);
    if (step.kind === 'build_kc') {
      if (!this.disk.kdks.includes(step.build) || this.disk.build !== step.build) return false;
      this.disk.kcs = [...this.disk.kcs.filter(({ build }) => build !== step.build), this.newKc(step.build)];
    }
    if (step.kind === 'place_kit') {
      const kc = this.disk.kcs.find(({ build }) => build === step.build);
      if (kc === undefined || expiresAt === null) return false;
      const { visitId, quota, bootArgs } = step;
      this.disk.kit = { visitId, quota, bootArgs, expiresAt, kc, armed: true };
    }
    this.actBack(step);
    if (step.kind === 'set_boot_args') this.nvram = step.bootArgs;
    return true;
  }

  private actBack({ kind }: PlanStep): void {
    if (kind === 'clear_boot_args') this.nvram = null;
    if (kind === 'disarm_kit' && this.disk.kit !== null) this.disk.kit = { ...this.disk.kit, armed: false };
    if (kind === 'remove_kit') Object.assign(this.disk, { kit: null, receipt: null });
    if (kind === 'remove_kc') this.disk.kcs = [];
    if (kind === 'remove_kdk') this.disk.kdks = [];
  }

  /** `sh revert` in recoveryOS, or csrutil by hand: the boot policy is stock again. */
  revert(): void {
    this.policy = STOCK_POLICY;
    this.nvram = null;
  }

  /** `sh raise CODE` in recoveryOS: refuses another Mac's code, an old kit's code, and consent that has ended. */
  raise(code: string, length: VisitLength, now: Date): PlacedKit | null {
    const { kit } = this.disk;
    if (
      kit === null ||
      !kit.armed ||
      now.getTime() >= Date.parse(kit.expiresAt) ||
      code !== this.codeFor(kit, code.slice(0, 5))
    )
      return null;
    const { kc, bootArgs, visitId } = kit;
    this.policy = { ...this.policy, lowered: true };
    if (length === 'csrutil') return kit;
    const coih = this.hex(96).toUpperCase();
    this.policy = { lowered: true, kc, coih };
    if (length === 'configure-boot') return kit;
    if (length === 'all') this.nvram = bootArgs;
    const steps = { csrutil: 0, 'configure-boot': 0, nvram: length === 'all' ? 0 : 1 };
    const nonce = this.hex(8);
    this.disk.receipt = { visitId, nonce, writtenAt: now.toISOString(), steps, customKernel: coih, outcome: 'done' };
    return kit;
  }

  /** An update of macOS: our object stays in the policy or is dropped, and the new system starts. */
  update(build: string, keepsObject: boolean): void {
    this.disk.build = build;
    if (!keepsObject) this.policy = { ...this.policy, kc: null, coih: 'absent' };
    this.boot();
  }

  /** A copy of the disk in another case: it starts with the stock kernel. */
  clone(): SimMac {
    const copy = new SimMac(this.hardwareUuid, this.random, this.variant);
    copy.disk = structuredClone(this.disk);
    return copy;
  }

  facts(): Facts {
    const stock = stockFacts();
    const { build, kdks, kcs, kit, receipt } = this.disk;
    const { kc, args } = this.running;
    const { lowered, coih } = this.policy;
    const { versionText } = stock.kernel;
    return {
      ...stock,
      os: { ...stock.os, build, baseBuild: build },
      kernel: {
        ...stock.kernel,
        variant: this.variant,
        versionText: versionText?.replace(/[^_]+$/, this.variant) ?? null,
        ...(kc !== null && { config: 'development', versionText: kc.kernelVersionText, filesetUuid: kc.uuid }),
      },
      hardware: { ...stock.hardware, uuid: this.hardwareUuid },
      bootArgs: { inForce: args, storedPresent: this.nvram !== null, stored: this.nvram },
      sip: { status: lowered ? 'disabled' : 'enabled', flags: null },
      bootPolicy: {
        ...stock.bootPolicy,
        securityMode: lowered ? 'permissive' : 'full',
        customKernel: coih,
        bootArgsFiltering: !lowered,
        sip0: lowered ? '7f' : 'absent',
      },
      kdks: kdks.map((one) => ({
        version: '14.5',
        build: one,
        complete: true,
        variants: [...VARIANTS],
        reason: null,
        ours: true,
      })),
      kernelCollections: kcs.map(collectionFact),
      visitKit:
        kit === null
          ? null
          : { visitId: kit.visitId, quota: kit.quota, kcSha256: kit.kc.sha256, complete: kit.armed, armed: kit.armed },
      receipt,
      boot: { ...stock.boot, sessionId: this.bootSession },
    };
  }

  private codeFor({ kc, quota, bootArgs, expiresAt }: PlacedKit, random: string): string {
    const { hardwareUuid: hostUuid } = this;
    return visitCode({ random, kcMd5: kc.md5, hostUuid, quota, bootArgs, expiresAt }, (text) =>
      createHash('md5').update(text).digest('hex'),
    );
  }

  private newKc(build: string): KcResult {
    const [sha256, md5, uuid] = [this.hex(64), this.hex(32), this.newUuid()];
    const { variant } = this;
    const path = `/var/db/headroom/kc/${build}-${variant}.kc`;
    const kernelVersionText = `Darwin Kernel Version 23.5.0: xnu-10063.121.3~5/DEVELOPMENT_ARM64_${variant}`;
    return {
      path,
      build,
      variant,
      sha256,
      md5,
      uuid,
      sizeBytes: 115_000_000,
      bundles: 400,
      kernelVersionText,
    };
  }

  private newUuid(): string {
    const hex = this.hex(32);
    const parts = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20)];
    return parts.join('-').toUpperCase();
  }

  private hex(digits: number): string {
    return Array.from({ length: digits }, () => this.random.below(16).toString(16)).join('');
  }
}

function kitResult({ kc, expiresAt }: PlacedKit) {
  return { kcMd5: kc.md5, kcSha256: kc.sha256, expiresAt };
}

function collectionFact({ path, build, variant, sha256, md5, uuid, bundles }: KcResult): KernelCollectionFact {
  return { path, build, variant, sha256, md5, uuid, bundles };
}
