/** Proof: for each piece of evidence that is missing, the finding with its exact next step. Symptoms of a named cause are left out. */
import { HYPERVISOR_ARG, QUOTA_ARG } from '../boot-args.ts';
import type { DriftPiece, EvidenceId, EvidencePiece, Finding, HostState } from '../evaluate-types.ts';
import type { FindingCode } from '../findings.ts';
import { quotaToHex } from '../quota.ts';
import type { TemplateArgs } from '../template.ts';
import { factUnknown, makeFinding, unknownReason } from './make-finding.ts';
import { driftOf, driftText } from './memory.ts';
import { holds, quotaHeeded, runningBuild, runningKernel, type Situation } from './situation.ts';

const DETAILS: Readonly<Record<EvidenceId, string>> = {
  fileset_uuid: 'The running boot collection is not the one built here last.',
  development_kernel: 'The kernel that runs ignores the quota.',
  quota_in_force: 'The kernel reads its arguments once, at boot.',
  hypervisor_in_force: 'The kernel reads its arguments once, at boot.',
  custom_kernel_in_policy: 'The kernel that runs is not the one that the next boot starts.',
  filtering_off: 'With filtering on, the next boot drops the quota.',
  build_agrees: 'A kernel of another build does not fit this system.',
  boot_after_visit: 'Only a boot after the visit was opened can prove what the visit did.',
};

const OF_ANOTHER_COLLECTION: readonly EvidenceId[] = ['build_agrees', 'boot_after_visit', 'custom_kernel_in_policy'];

/** Findings of a host on which a custom kernel runs, or that was raised before. */
export function readProof(situation: Situation, state: HostState): readonly Finding[] {
  const drift = driftOf(situation, state);
  return situation.evidence
    .filter((piece) => piece.holds !== true && !isSymptom(situation, piece))
    .map((piece) =>
      piece.holds === null ? unknownPiece(situation, piece) : missingPiece(situation, piece, state, drift),
    );
}

/** Another kernel explains whatever else does not fit; another collection explains its object, its build and its boot. */
function isSymptom(situation: Situation, { id }: EvidencePiece): boolean {
  if (situation.facts.kernel.config !== 'development') return id !== 'development_kernel';
  const isOther = holds(situation, 'fileset_uuid') === false;
  return isOther && OF_ANOTHER_COLLECTION.includes(id);
}

function unknownPiece({ facts }: Situation, { id, path, expected }: EvidencePiece): Finding {
  if (id !== 'fileset_uuid') return factUnknown(facts, path);
  const detail = `The one hard proof cannot be read: ${unknownReason(facts, path)}.`;
  return makeFinding('NOT_PROVABLE', { detail, expected, seen: 'unknown', path });
}

function missingPiece(
  situation: Situation,
  { id, path, expected, seen }: EvidencePiece,
  state: HostState,
  drift: readonly DriftPiece[],
): Finding {
  const code = codeOf(situation, id, state);
  // The one finding that is shown for its symptoms, too, tells of all that went.
  const stands = situation.evidence.filter((piece) => piece.id === id || isSymptom(situation, piece));
  const mine = drift.filter((piece) => stands.some((one) => one.id === piece.id));
  return makeFinding(code, { detail: DETAILS[id] + driftText(mine), expected, seen, path, args: argsOf(situation) });
}

function codeOf(situation: Situation, id: EvidenceId, state: HostState): FindingCode {
  switch (id) {
    case 'fileset_uuid':
      return otherCollection(situation, state);
    case 'development_kernel':
      return situation.observed.kind === 'other_kernel' ? 'FOREIGN_KERNEL' : 'DRIFTED';
    case 'quota_in_force':
      return quotaHeeded(situation) === null ? 'QUOTA_NOT_IN_FORCE' : 'QUOTA_OTHER_VALUE';
    case 'hypervisor_in_force':
      return 'HYPERVISOR_NOT_IN_FORCE';
    case 'custom_kernel_in_policy':
      return situation.facts.bootPolicy.customKernel === 'absent' ? 'CUSTOM_KERNEL_GONE' : 'CUSTOM_KERNEL_CHANGED';
    case 'filtering_off':
      return 'ARGS_FILTERED';
    case 'build_agrees':
      return 'OLD_KERNEL_NEW_SYSTEM';
    case 'boot_after_visit':
      return 'BOOT_BEFORE_VISIT';
  }
}

function otherCollection(situation: Situation, state: HostState): FindingCode {
  if (state === 'old_kernel_new_system') return 'OLD_KERNEL_NEW_SYSTEM';
  return runningKernel(situation) === 'older_of_ours' ? 'OLDER_KERNEL_OF_OURS' : 'FOREIGN_KERNEL';
}

function argsOf(situation: Situation): TemplateArgs {
  const { facts, input, wantedQuota } = situation;
  return {
    word: wantedQuota === null ? `${HYPERVISOR_ARG}=0x1` : `${QUOTA_ARG}=${quotaToHex(wantedQuota)}`,
    build: facts.os.baseBuild ?? 'unknown',
    kcBuild: runningBuild(situation) ?? input.record.kc?.build ?? 'unknown',
  };
}
