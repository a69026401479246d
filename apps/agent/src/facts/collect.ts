/**
 * Facts of one Mac, read once. Guarantee: always gives facts; what could not be read is null and has its reason in
 * `unknown`, whatever fails. Reads only: no tool called here changes anything, and root is needed for the boot policy alone.
 */
import type { Facts } from '@headroom/core';
import { part } from '../macos/reading.ts';
import { guestFacts } from './guest-facts.ts';
import { type MacReadings, readMac } from './read-mac.ts';
import { bootArgsFacts, bootPolicyFacts, sipFacts } from './security-facts.ts';
import { type BootOrdinal, bootFacts, hardwareFacts, kernelFacts, osFacts } from './system-facts.ts';
import { UnknownLog } from './unknown-log.ts';
import { updateFacts } from './update-facts.ts';
import { diskFacts, volumeFacts } from './volume-facts.ts';

export type { BootOrdinal } from './system-facts.ts';

export interface CollectOptions {
  readonly sysroot: string;
  /** Counts boots by their session; without it `boot.ordinal` is unknown. */
  readonly ordinal?: BootOrdinal;
  readonly signal?: AbortSignal;
}

export async function collectFacts({ ordinal, ...context }: CollectOptions): Promise<Facts> {
  return assemble(await readMac(context), ordinal);
}

async function assemble(readings: MacReadings, ordinal: BootOrdinal | undefined): Promise<Facts> {
  const log = new UnknownLog();
  const kernel = kernelFacts(readings, log);
  const bootArgs = bootArgsFacts(readings, log);
  const { enrollment } = readings;
  return {
    schemaVersion: 1,
    os: osFacts(readings, log),
    kernel,
    hardware: hardwareFacts(readings, log),
    bootArgs,
    sip: sipFacts(readings, log),
    bootPolicy: bootPolicyFacts(readings, log),
    volumes: volumeFacts(readings, log),
    fileVault: log.take('fileVault', readings.fileVault),
    mdm: {
      enrolled: log.field('mdm.enrolled', enrollment, 'enrolled', 'profiles did not say'),
      userApproved: log.field(
        'mdm.userApproved',
        enrollment,
        'userApproved',
        'profiles adds a remark that is not known',
      ),
    },
    disk: diskFacts(readings, log),
    kdks: log.take('kdks', readings.kdks),
    kernelCollections: log.items(
      'kernelCollections',
      readings.kernelCollections,
      ({ path, sha256, md5, ...rest }, at) => ({
        path,
        build: log.take(`${at}.build`, rest.build),
        variant: log.take(`${at}.variant`, rest.variant),
        sha256,
        md5,
        uuid: log.take(`${at}.uuid`, rest.uuid),
        bundles: log.take(`${at}.bundles`, rest.bundles),
      }),
    ),
    auxiliaryKexts: log.take(
      'auxiliaryKexts',
      part(readings.auxiliaryKexts, (kexts) => kexts.map(({ id }) => id).sort(), ''),
    ),
    update: updateFacts(readings, log),
    guests: guestFacts(readings, { kernel, bootArgs }, log),
    boot: await bootFacts(readings, log, ordinal),
    kitFolder: log.take(
      'kitFolder',
      part(readings.kitFolder, ({ status }) => status, ''),
    ),
    kitFolderSeen: foreignBy(readings),
    visitKit: log.take('visitKit', readings.visitKit),
    receipt: log.take('receipt', readings.receipt),
    unknown: log.toRecord(),
  };
}

function foreignBy({ kitFolder }: MacReadings): string | null {
  return kitFolder.ok && kitFolder.value.status === 'foreign' ? kitFolder.value.seen : null;
}
