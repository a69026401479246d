/** Facts of a Mac on which nothing could be read yet, and the list of all fact paths. */
import type { Facts } from './facts.ts';

const NOTHING_READ: Omit<Facts, 'unknown'> = {
  schemaVersion: 1,
  os: { version: null, build: null, extra: null, baseBuild: null },
  kernel: {
    config: null,
    variant: null,
    darwin: null,
    xnu: null,
    versionText: null,
    uuid: null,
    filesetUuid: null,
  },
  hardware: { model: null, chip: null, appleSilicon: null, virtualMachine: null, uuid: null, serial: null },
  bootArgs: { inForce: null, storedPresent: null, stored: null },
  sip: { status: null, flags: null },
  bootPolicy: {
    securityMode: null,
    customKernel: null,
    bootArgsFiltering: null,
    sip0: null,
    paired: null,
    auxiliaryKexts: null,
  },
  volumes: {
    systemUuid: null,
    dataUuid: null,
    group: null,
    systemName: null,
    owners: null,
    recoveryAdmins: null,
    startupDefault: null,
    otherSystems: null,
  },
  fileVault: null,
  mdm: { enrolled: null, userApproved: null },
  disk: { freeBytes: null },
  kdks: null,
  kernelCollections: null,
  auxiliaryKexts: null,
  update: {
    pending: null,
    autoInstall: null,
    deferralDays: null,
    prepared: null,
    preparedTarget: null,
    enforced: null,
  },
  guests: { processesAtMost: null, derivedQuota: null, suspectedLeaked: null, witness: null },
  boot: { sessionId: null, ordinal: null, time: null },
  kitFolder: null,
  kitFolderSeen: null,
  visitKit: null,
  receipt: null,
};

/** Dotted path of every fact, e.g. `kernel.filesetUuid`: the keys that `unknown` may have. A list is one fact. */
export const FACT_PATHS: readonly string[] = leafPaths(NOTHING_READ, '').filter((path) => path !== 'schemaVersion');

/** Facts in which every value is unknown for the same reason; a reader fills in what it could read. */
export function emptyFacts(reason: string): Facts {
  return {
    ...structuredCopy(NOTHING_READ),
    unknown: Object.fromEntries(FACT_PATHS.map((path) => [path, reason])),
  };
}

/** Value of a fact by its path; undefined for a path that is none. */
export function factAt(facts: Facts, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (isGroup(value) ? value[key] : undefined), facts);
}

function leafPaths(group: object, prefix: string): readonly string[] {
  return Object.entries(group).flatMap(([key, value]) =>
    isGroup(value) ? leafPaths(value, `${prefix}${key}.`) : [`${prefix}${key}`],
  );
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One level of groups deep is all that facts have; callers may write into their copy. */
function structuredCopy(facts: Omit<Facts, 'unknown'>): Omit<Facts, 'unknown'> {
  const entries = Object.entries(facts).map(([key, value]) => [key, isGroup(value) ? { ...value } : value]);
  return Object.fromEntries(entries) as Omit<Facts, 'unknown'>;
}
