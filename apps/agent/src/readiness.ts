/**
 * Readiness of this Mac for a raise, judged here with the controller's own rules. Consent, catalogue and visits are the controller's
 * to know, so what they alone say is left out; nothing is planned or changed by looking.
 */
import {
  type Catalogue,
  evaluate,
  type Facts,
  type Finding,
  type HostRecord,
  type HostState,
  type KcResult,
  type UpdateRisk,
} from '@headroom/core';

/** What the rules say of things that only a controller has. */
const OF_THE_CONTROLLER: readonly string[] = ['KDK_NOT_IN_CATALOGUE', 'NO_FACTS', 'HOST_SILENT', 'HOST_LOST'];
/** Consent and the verdict on an update are the controller's: it alone knows the grants, and which KDKs there are. */
const CODE_OF_THE_CONTROLLER = /^(GRANT|UPDATE)_/;

export interface Readiness {
  readonly state: HostState;
  readonly problems: readonly Problem[];
}

export interface Problem {
  readonly severity: 'blocker' | 'warning' | 'note';
  readonly what: string;
  readonly detail: string;
  readonly next: string;
}

export interface ReadinessInput {
  readonly facts: Facts;
  readonly quota: number;
  readonly catalogue: Catalogue;
}

export function readReadiness({ facts, quota, catalogue }: ReadinessInput): Readiness {
  const { state, findings, updates } = evaluate({
    facts,
    intent: { number: 0, quota, extraArgs: [], grant: { covers: true, expiresAt: null, reason: null } },
    record: recordOf(facts),
    work: { plan: null, visit: null, failure: null },
    presence: 'online',
    catalogue,
    newVisitId: 'none',
    now: new Date(),
  });
  const own = findings.filter(({ code }) => !OF_THE_CONTROLLER.includes(code) && !CODE_OF_THE_CONTROLLER.test(code));
  const ahead = updates.map(updateProblem);
  if (state !== 'foreign_kernel' || builtHere(facts) !== null)
    return { state, problems: [...own.map(problemOf), ...ahead] };
  const others = own.filter(({ code }) => code !== 'FOREIGN_KERNEL').map(problemOf);
  return { state: 'unknown', problems: [whoseKernel(facts), ...others, ...ahead] };
}

/** Only the files that were built here tell it on the Mac; the controller remembers what they were. */
function whoseKernel({ kernel, kernelCollections }: Facts): Problem {
  const lack = kernelCollections === null ? 'could not be read' : 'do not lie here any more';
  return {
    severity: 'warning',
    what: 'Whose kernel runs cannot be told on this Mac',
    detail: `It has the LC_UUID ${kernel.filesetUuid ?? 'unknown'}, and kernel collections that were built here ${lack}.`,
    next: 'Look at this Mac in the controller, which remembers what was built here.',
  };
}

/** Which boot came after which visit only a controller knows; here this boot counts as after it. */
function recordOf(facts: Facts): HostRecord {
  const record = { kit: null, bootFirstSeenAt: new Date().toISOString(), everRaised: false };
  return { ...record, kc: builtHere(facts), visitOpenedAt: new Date(0).toISOString() };
}

/** The collection that runs, if it is one that lies here; else any that was built for this build. */
function builtHere({ kernel, os, kernelCollections }: Facts): KcResult | null {
  const all = kernelCollections ?? [];
  const running = all.find(({ uuid }) => uuid !== null && uuid === kernel.filesetUuid);
  const found = running ?? all.find(({ build }) => build === os.baseBuild);
  if (found === undefined || found.uuid === null || found.build === null || found.variant === null) return null;
  const { uuid, build, variant, bundles } = found;
  return {
    ...found,
    uuid,
    build,
    variant,
    bundles: bundles ?? 0,
    sizeBytes: 0,
    kernelVersionText: kernel.versionText ?? '',
  };
}

function problemOf(finding: Finding): Problem {
  const { severity, title, detail, nextStep } = finding;
  const next = finding.code === 'FACT_UNKNOWN' ? cureOf(detail) : nextStep;
  return { severity, what: title, detail: `${whichFact(finding)}${detail}${compared(finding)}`, next };
}

/** By the words of the reason, in the order in which they say more. */
const CURES: readonly (readonly [RegExp, string])[] = [
  [/needs root|EACCES|EPERM/, 'Run this as root (sudo), then look again.'],
  [/is not on this Mac/, 'It is a part of macOS: reinstall macOS over itself if this Mac lacks it, then look again.'],
  [/time limit/, 'Run the tool in Terminal: if it hangs there too, restart the Mac, then look again.'],
  [/contradict|says build|, uname /, 'Two parts of macOS contradict each other: restart the Mac, then look again.'],
];

function cureOf(reason: string): string {
  const found = CURES.find(([words]) => words.test(reason));
  return (
    found?.[1] ?? 'Run the tool that the reason names in Terminal: what it says there names the cause. Then look again.'
  );
}

function whichFact({ code, path }: Finding): string {
  return code === 'FACT_UNKNOWN' || code === 'READINESS_UNKNOWN' ? `${path}: ` : '';
}

/** What the detail says already is not said again. */
function compared({ detail, expected, seen }: Finding): string {
  if (expected !== null) return ` Expected ${expected}, seen ${seen ?? 'nothing'}.`;
  return seen === null || seen === 'unknown' || detail.includes(seen) ? '' : ` Seen: ${seen}.`;
}

/** An update ends a raise, and makes a kit stale; what else it would do depends on the KDK for it. */
function updateProblem({ target, version, ways, enforcedAt }: UpdateRisk): Problem {
  const named = version === null || version === target ? target : `${version} (${target})`;
  const when = enforcedAt === null ? '' : ` It is enforced at ${enforcedAt}.`;
  return {
    severity: 'warning',
    what: `macOS update ${named} is ${ways.join(' and ')}`,
    detail: `A new system needs its own KDK, another kernel collection and another visit.${when}`,
    next: 'Defer it by MDM, or update first and raise afterwards. The controller tells whether the KDK for it is there.',
  };
}
