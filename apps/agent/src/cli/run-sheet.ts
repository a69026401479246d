/**
 * The run sheet of one Mac without a controller: what a person does in recoveryOS, with this Mac's own names and values. Text only;
 * no kit is placed, so there is no code and no script to type.
 */
import { BOOT_NAMESPACE, type Facts, type KcResult, mergeBootArgs, neededArgs } from '@headroom/core';
import type { Readiness } from '../readiness.ts';

const BOOT_ARGS = `${BOOT_NAMESPACE}:boot-args`;

export interface RunSheetInput {
  readonly facts: Facts;
  readonly kc: KcResult;
  readonly quota: number;
  readonly readiness: Readiness;
}

export function runSheet({ facts, kc, quota, readiness }: RunSheetInput): string {
  const { hardware, fileVault } = facts;
  const blockers = readiness.problems.filter(({ severity }) => severity === 'blocker').length;
  const needed = neededArgs(kc).map(({ word }) => word);
  const line = bootArgsLine(facts, quota, needed);
  return [
    `Run sheet: quota ${quota}, ${hardware.model ?? 'this Mac'}, serial ${hardware.serial ?? 'unknown'}, hardware UUID ${hardware.uuid ?? 'unknown'}`,
    `Kernel collection: ${kc.path}`,
    `  build ${kc.build}, variant ${kc.variant}, LC_UUID ${kc.uuid}`,
    `  md5 ${kc.md5}`,
    '',
    blockers === 0
      ? 'No blocker is known.'
      : `${blockers} blocker(s) above come first. Do not begin before they are gone.`,
    "Somebody has to allow it: this lowers the Mac's boot security, and Apple's licence still says two extra guests.",
    `Sign in as one of: ${signIns(facts)}. Fetch the password before the shutdown.`,
    ...(fileVault === 'off'
      ? []
      : ['FileVault is not off: each restart stops at the unlock screen until somebody signs in.']),
    '',
    '1. Stop the guests. Shut down; wait until it is really off.',
    '2. Hold the power button until "Loading startup options" is shown. Options, sign in, Utilities > Terminal.',
    `3. md5 ${collectionInRecovery(kc.path)}`,
    '   Compare with the md5 above. If Data is not mounted, mount it in Disk Utility; its name may differ.',
    '4. csrutil disable',
    '   It asks whether to go on (y), then for the password; nothing shows while you type it.',
    ...kernelAndArguments({ facts, kc, line, needed }),
    '7. nvram -s; reboot',
    '8. In macOS: `sudo headroom-agent doctor`. It says raised only if the kernel that runs (kernel.filesetUuid of',
    '   `headroom-agent facts --json`) has the LC_UUID above, and the quota is in force (bootArgs.inForce).',
    '',
    'Way back: `sudo nvram -d boot-args` in macOS (or put back what was there: ' +
      `${facts.bootArgs.stored ?? 'nothing'}), then in recoveryOS \`csrutil enable\` and y to Full Security.`,
  ].join('\n');
}

interface Steps {
  readonly facts: Facts;
  readonly kc: KcResult;
  readonly line: string;
  readonly needed: readonly string[];
}

/** A kernel that does not start without an argument is installed once that is stored and saved. */
function kernelAndArguments({ facts, kc, line, needed }: Steps): readonly string[] {
  const system = shellQuoted(`/Volumes/${facts.volumes.systemName ?? 'SYSTEM'}`);
  const install = `kmutil configure-boot -v ${system} -c ${collectionInRecovery(kc.path)}`;
  const store = `nvram ${BOOT_ARGS}=${shellQuoted(line)}`;
  const asks =
    '   It asks whether you are sure (y), then Username (the short name) and Password. Then it works for minutes without a word.';
  if (needed.length === 0)
    return [
      `5. ${install}`,
      asks,
      `6. ${store}`,
      ...leftOut(facts, line),
      '   A refusal here is not fatal: write them in macOS with `sudo nvram`, and restart once more.',
    ];
  return [
    `5. ${store}`,
    ...leftOut(facts, line),
    `   then nvram -s. This kernel does not start without ${needed.join(' ')}. Refused? Do not go on: reboot, write them in`,
    '   macOS with `sudo nvram`, and come back for the next step.',
    `6. ${install}`,
    asks,
  ];
}

/** No argument goes without a word. */
function leftOut({ bootArgs: { stored } }: Facts, line: string): readonly string[] {
  const words = (stored ?? '').split(/[ \t]+/).filter((word) => word !== '' && !line.split(' ').includes(word));
  return words.length === 0
    ? []
    : [`   Stored now and not in this line: ${words.join(' ')}. Decide about each before.`];
}

/** Words already stored are kept; what cannot be merged has to be looked at by the person. */
function bootArgsLine({ bootArgs }: Facts, quota: number, extra: readonly string[]): string {
  const stored = mergeBootArgs({ stored: bootArgs.stored, quota, extra, granted: [] });
  if (stored.ok) return stored.line;
  const alone = mergeBootArgs({ stored: null, quota, extra, granted: [] });
  return alone.ok ? alone.line : '';
}

function signIns({ volumes: { owners, recoveryAdmins } }: Facts): string {
  const listed = (recoveryAdmins ?? []).filter(({ uuid }) => owners?.some((owner) => owner.uuid === uuid) ?? false);
  return listed.map(({ user }) => user).join(', ') || 'a volume owner (which ones could not be read)';
}

/** The Data volume has its own mount point in recoveryOS; /var is below /private there. */
function collectionInRecovery(path: string): string {
  return `/Volumes/Data/private${path}`;
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
