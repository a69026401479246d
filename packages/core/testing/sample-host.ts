/** A host for tests: facts and memory of a Mac that is raised, or stock, with every fact known. */
import type { Catalogue, EvaluateInput, EvaluateIntent, HostRecord, OpenWork } from '../src/evaluate-types.ts';
import type { Facts } from '../src/facts.ts';
import type { KernelSight } from '../src/kdk-kernels.ts';
import type { KcResult, KdkSource } from '../src/plan.ts';

export const BUILD = '23F79';
export const QUOTA = 255;
export const ARGS = 'kcsuffix=development hypervisor=0x1 hv_apple_isa_vm_quota=0xFF';
export const COIH = 'A1'.repeat(48);
export const NOW = new Date('2026-03-01T12:00:00.000Z');
export const VISIT_OPENED_AT = '2026-03-01T10:00:00.000Z';
const BOOT_SEEN_AT = '2026-03-01T10:20:00.000Z';
export const GRANT_ENDS_AT = '2026-06-01T00:00:00.000Z';
export const NEW_VISIT_ID = '0195-new-visit';

export const KC: KcResult = {
  path: '/var/db/headroom/kc/23F79-T6020.kc',
  build: BUILD,
  variant: 'T6020',
  sha256: 'ab'.repeat(32),
  md5: 'cd'.repeat(16),
  uuid: '0B5E8A53-6F2D-4F0C-9C3B-0A6F2B1C7D11',
  sizeBytes: 115_000_000,
  bundles: 400,
  kernelVersionText: 'Darwin Kernel Version 23.5.0: xnu-10063.121.3~5/DEVELOPMENT_ARM64_T6020',
};

export const KDK: KdkSource = {
  build: BUILD,
  version: '14.5',
  sha256: 'ef'.repeat(32),
  sizeBytes: 800_000_000,
  fileName: 'Kernel_Debug_Kit_14.5_build_23F79.dmg',
};

export const CATALOGUE: Catalogue = { kdks: [KDK], dropBundles: { [BUILD]: ['com.apple.driver.SEPHiber'] } };

let macs = 0;
/** What another Mac, each time a new one, showed of an image: these kernels lie in it; or it looked for this one in vain. */
export function saw(...variants: readonly string[]): KernelSight {
  macs += 1;
  return { hostId: `host-${macs}`, host: `mac-${macs}`, variants, variantsMissing: [], at: NOW.toISOString() };
}
export function sawNo(...variantsMissing: readonly string[]): KernelSight {
  return { ...saw(), variantsMissing };
}
export function shownBy(...sights: readonly KernelSight[]): Catalogue {
  return { ...CATALOGUE, kdks: [{ ...KDK, sights }] };
}

export const KIT = { visitId: '0195-visit', quota: QUOTA, bootArgs: ARGS, kcSha256: KC.sha256 };

export function stockFacts(): Facts {
  return {
    schemaVersion: 1,
    os: { version: '14.5', build: BUILD, extra: '', baseBuild: BUILD },
    kernel: {
      config: 'release',
      variant: 'T6020',
      darwin: '23.5.0',
      xnu: '10063.121.3~5',
      versionText: 'Darwin Kernel Version 23.5.0: xnu-10063.121.3~5/RELEASE_ARM64_T6020',
      uuid: '11111111-2222-3333-4444-555555555555',
      filesetUuid: '22222222-3333-4444-5555-666666666666',
    },
    hardware: {
      model: 'Mac14,12',
      chip: 'Apple M2 Pro',
      appleSilicon: true,
      virtualMachine: false,
      uuid: '3D6B9F2E-1111-4222-8333-444455556666',
      serial: 'C02SIMULATED',
    },
    bootArgs: { inForce: '', storedPresent: false, stored: null },
    sip: { status: 'enabled', flags: null },
    bootPolicy: {
      securityMode: 'full',
      customKernel: 'absent',
      bootArgsFiltering: true,
      sip0: 'absent',
      paired: false,
      auxiliaryKexts: false,
    },
    volumes: {
      systemUuid: 'AAAAAAAA-0000-4000-8000-000000000001',
      dataUuid: 'AAAAAAAA-0000-4000-8000-000000000002',
      group: 'AAAAAAAA-0000-4000-8000-000000000003',
      systemName: 'Macintosh HD',
      owners: [{ user: 'admin', uuid: 'AAAAAAAA-0000-4000-8000-000000000004' }],
      recoveryAdmins: [{ user: 'admin', uuid: 'AAAAAAAA-0000-4000-8000-000000000004' }],
      startupDefault: true,
      otherSystems: [],
    },
    fileVault: 'off',
    mdm: { enrolled: true, userApproved: true },
    disk: { freeBytes: 200_000_000_000 },
    kdks: [],
    kernelCollections: [],
    auxiliaryKexts: [],
    update: { pending: [], autoInstall: false, deferralDays: 90, prepared: false },
    guests: { processesAtMost: 0, derivedQuota: 2, suspectedLeaked: 0, witness: null },
    boot: { sessionId: 'session-2', ordinal: 2, time: '2026-03-01T10:19:00Z' },
    kitFolder: 'absent',
    visitKit: null,
    receipt: null,
    unknown: {},
  };
}

/** Stock, with the KDK installed. */
export function kdkReadyFacts(): Facts {
  const kdk = { version: '14.5', build: BUILD, complete: true, variants: ['T6020', 'T8112'], reason: null };
  return { ...stockFacts(), kdks: [kdk] };
}

/** Stock, with the kernel collection built. */
export function kcStagedFacts(): Facts {
  const { path, build, variant, sha256, md5, uuid, bundles } = KC;
  return { ...kdkReadyFacts(), kernelCollections: [{ path, build, variant, sha256, md5, uuid, bundles }] };
}

/** Stock, with the visit kit placed. */
export function kitPlacedFacts(): Facts {
  const { visitId, quota, kcSha256 } = KIT;
  return { ...kcStagedFacts(), visitKit: { visitId, quota, kcSha256, complete: true } };
}

export function raisedFacts(): Facts {
  const facts = kitPlacedFacts();
  return {
    ...facts,
    kernel: { ...facts.kernel, config: 'development', filesetUuid: KC.uuid, versionText: KC.kernelVersionText },
    bootArgs: { inForce: ARGS, storedPresent: true, stored: ARGS },
    sip: { status: 'disabled', flags: null },
    bootPolicy: {
      securityMode: 'permissive',
      customKernel: COIH,
      bootArgsFiltering: false,
      sip0: '7f',
      paired: false,
      auxiliaryKexts: false,
    },
    guests: { processesAtMost: 0, derivedQuota: QUOTA, suspectedLeaked: 0, witness: null },
  };
}

export const RAISE_INTENT: EvaluateIntent = {
  number: 1,
  quota: QUOTA,
  extraArgs: [],
  grant: { covers: true, expiresAt: GRANT_ENDS_AT, reason: null },
};

export const STOCK_INTENT: EvaluateIntent = {
  number: 2,
  quota: 2,
  extraArgs: [],
  grant: { covers: false, expiresAt: null, reason: 'stock needs none' },
};

export const NEW_RECORD: HostRecord = {
  kc: null,
  kit: null,
  bootFirstSeenAt: '2026-03-01T08:00:00.000Z',
  visitOpenedAt: null,
  everRaised: false,
};

export const RAISED_RECORD: HostRecord = {
  kc: KC,
  kit: KIT,
  bootFirstSeenAt: BOOT_SEEN_AT,
  visitOpenedAt: VISIT_OPENED_AT,
  everRaised: true,
};

export const NO_WORK: OpenWork = { plan: null, visit: null, failure: null };

/** A stock Mac that shall be raised, with whatever a test changes. */
export function sampleInput(changes: Partial<EvaluateInput> = {}): EvaluateInput {
  return {
    facts: stockFacts(),
    intent: RAISE_INTENT,
    record: NEW_RECORD,
    work: NO_WORK,
    presence: 'online',
    catalogue: CATALOGUE,
    newVisitId: NEW_VISIT_ID,
    now: NOW,
    ...changes,
  };
}

/** A raised Mac, with whatever a test changes. */
export function raisedInput(changes: Partial<EvaluateInput> = {}): EvaluateInput {
  return sampleInput({ facts: raisedFacts(), record: RAISED_RECORD, ...changes });
}
