/** Readiness: what must be so, or be known, before a person goes to the Mac for a raise visit. Blockers keep the visit back. */
import type { EvaluateInput, Finding } from '../evaluate-types.ts';
import type { Facts } from '../facts.ts';
import { missingFrom, neededArgs } from '../needed-args.ts';
import type { UpdateRisk } from '../update-guard/update-risks.ts';
import { makeFinding } from './make-finding.ts';
import { readinessUnknown } from './readiness-unknown.ts';
import { RECOVERY_CHECKS } from './recovery-checks.ts';
import type { Situation } from './situation.ts';
import { updateFindings } from './updates.ts';

/** Free space below which KDK (several GB installed) and kernel collection may not fit. */
const FREE_GIB_MIN = 10;
const GIB = 1024 ** 3;

type Check = (facts: Facts, situation: Situation) => readonly Finding[];

/** Before a raise visit. */
const VISIT_CHECKS: readonly Check[] = [
  hands,
  ...RECOVERY_CHECKS,
  kitFolder,
  neededArgument,
  diskSpace,
  fileVault,
  guestsRunning,
];

export function readReadiness(situation: Situation): readonly Finding[] {
  const findings = VISIT_CHECKS.flatMap((check) => check(situation.facts, situation));
  return [...findings, ...unreadUpdates(situation.facts), ...readUpdates(situation, () => true)];
}

/** Updates that the Mac faces; `blocks` = which of the risky ones keep a visit back until somebody accepts them. */
export function readUpdates(
  { facts, updates, input }: Situation,
  blocks: (risk: UpdateRisk) => boolean,
): readonly Finding[] {
  return updateFindings({ facts, risks: updates, visit: input.work.visit, blocks });
}

/**
 * An unread list is not an empty one. It keeps nobody back, as nothing on it is known to be ahead, and a Mac that reaches no server of
 * Apple could never be visited.
 */
function unreadUpdates(facts: Facts): readonly Finding[] {
  return facts.update.pending === null ? [readinessUnknown(facts, 'update.pending')] : [];
}

/** recoveryOS needs a person, or a servo on the power button and an IP-KVM. */
export function handsMissing({ placeType }: EvaluateInput): readonly Finding[] {
  if (placeType !== 'no_hands') return [];
  const detail = 'The step in recoveryOS begins with the power button being held.';
  return [makeFinding('NO_HANDS', { detail, expected: 'a person, or remote hands', seen: 'no_hands' })];
}

function hands(_facts: Facts, { input }: Situation): readonly Finding[] {
  return handsMissing(input);
}

/** A person runs as root what lies there. */
function kitFolder(facts: Facts): readonly Finding[] {
  const path = 'kitFolder';
  if (facts.kitFolder == null) return [readinessUnknown(facts, path)];
  if (facts.kitFolder !== 'foreign') return [];
  return [
    makeFinding('KIT_FOLDER_FOREIGN', {
      detail: 'A link, another owner, an access control list or wide modes would let others change what is run.',
      expected: 'a real folder of root that only root can write, or none',
      seen: facts.kitFolderSeen ?? 'something else',
      path,
    }),
  ];
}

/** A kernel that would not start without a word that nobody asked for and that is not stored either. */
function neededArgument({ os: { baseBuild: build }, kernel: { variant }, bootArgs }: Facts, { input }: Situation) {
  if (build === null || variant === null) return [];
  const asked = [bootArgs.stored ?? '', ...input.intent.extraArgs].join(' ');
  return missingFrom(asked, neededArgs({ build, variant })).map(({ word, symptom }) =>
    makeFinding('KERNEL_NEEDS_ARGUMENT', {
      detail: symptom,
      expected: word,
      seen: 'not asked for',
      path: 'kernel.variant',
      args: { word },
    }),
  );
}

function diskSpace(facts: Facts): readonly Finding[] {
  const path = 'disk.freeBytes';
  const { freeBytes } = facts.disk;
  if (freeBytes === null) return [readinessUnknown(facts, path)];
  if (freeBytes >= FREE_GIB_MIN * GIB) return [];
  return [
    makeFinding('DISK_TOO_SMALL', {
      detail: 'A KDK takes several GB once installed, a kernel collection about 0.1 GB.',
      expected: `${FREE_GIB_MIN} GiB free`,
      seen: `${(freeBytes / GIB).toFixed(1)} GiB free`,
      path,
      args: { needed: FREE_GIB_MIN },
    }),
  ];
}

function fileVault(facts: Facts): readonly Finding[] {
  const path = 'fileVault';
  const { fileVault: mode } = facts;
  if (mode === null) return [readinessUnknown(facts, path)];
  if (mode === 'off') return [];
  if (mode !== 'on') {
    const detail = 'Whether recoveryOS unlocks the Data volume with the kit on it is not known in between.';
    return [makeFinding('FILEVAULT_CHANGING', { detail, expected: 'on or off', seen: mode, path, args: { mode } })];
  }
  return [
    makeFinding('FILEVAULT_ON', {
      detail: 'After each restart the agent is silent until somebody signs in.',
      seen: mode,
      path,
    }),
  ];
}

/** Nothing is assumed of a number that could not be read. */
export function guestsRunning(facts: Facts): readonly Finding[] {
  const path = 'guests.processesAtMost';
  const { processesAtMost: guests } = facts.guests;
  if (guests === null) return [readinessUnknown(facts, path)];
  if (guests === 0) return [];
  return [
    makeFinding('GUESTS_RUNNING', {
      detail: 'A visit begins with a shutdown.',
      seen: `at most ${guests}`,
      path,
      args: { guests },
    }),
  ];
}
