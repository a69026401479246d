/** Notes on a raised host: what does not take the proof away, and what an admin should know before it does. */
import { parseBootArgs } from '../boot-args.ts';
import type { Finding } from '../evaluate-types.ts';
import { makeFinding } from './make-finding.ts';
import { readKdk } from './preparation.ts';
import { readinessUnknown } from './readiness-unknown.ts';
import { missingExtra, type Situation, storesWanted } from './situation.ts';

export function readRaisedNotes(situation: Situation): readonly Finding[] {
  return [...storedNotes(situation), ...purgeNotes(situation), ...leakNotes(situation)];
}

/** Words of the policy that the running kernel was not given, whatever the quota. */
export function extraArgsNotes({ facts, input }: Situation): readonly Finding[] {
  const { inForce } = facts.bootArgs;
  const missing = inForce === null ? [] : missingExtra(inForce, input.intent.extraArgs);
  if (missing.length === 0) return [];
  const words = missing.join(' ');
  return [
    makeFinding('EXTRA_ARGS_NOT_IN_FORCE', {
      detail: 'They are not part of the evidence, and the policy asks for them.',
      expected: words,
      seen: inForce,
      path: 'bootArgs.inForce',
      args: { words },
    }),
  ];
}

function storedNotes(situation: Situation): readonly Finding[] {
  const stores = storesWanted(situation);
  if (stores === true) return [];
  if (stores === null) return [readinessUnknown(situation.facts, 'bootArgs.stored')];
  const { stored } = situation.facts.bootArgs;
  const seen = stored === null || parseBootArgs(stored).length === 0 ? 'none' : stored;
  return [
    makeFinding('ARGS_NOT_STORED', {
      detail: 'In force are the arguments of the last boot; the next one takes the stored ones.',
      seen,
      path: 'bootArgs.stored',
    }),
  ];
}

function purgeNotes({ facts, input: { record } }: Situation): readonly Finding[] {
  const { baseBuild: build } = facts.os;
  const variant = facts.kernel.variant?.toUpperCase();
  const sha256 = record.kc?.sha256.toLowerCase();
  const found: Finding[] = [];
  if (facts.kernelCollections?.every((kc) => kc.sha256.toLowerCase() !== sha256))
    found.push(
      makeFinding('KC_PURGED', {
        detail: 'The boot policy holds a copy of its own; the file serves the next visit only.',
        expected: record.kc?.path ?? null,
        seen: 'not there',
        path: 'kernelCollections',
      }),
    );
  if (facts.kdks !== null && build !== null && variant !== undefined && readKdk(facts, { build, variant }) !== 'ready')
    found.push(
      makeFinding('KDK_PURGED', {
        detail: 'A running kernel does not need the KDK it was built from.',
        expected: `a whole KDK for build ${build}`,
        seen: 'not there, or not whole',
        path: 'kdks',
      }),
    );
  return found;
}

function leakNotes({ facts }: Situation): readonly Finding[] {
  const leaked = facts.guests.suspectedLeaked ?? 0;
  if (leaked === 0) return [];
  return [
    makeFinding('GUEST_SLOTS_LEAKED', {
      detail: 'Some ends of a guest keep its slot until the host restarts.',
      expected: '0',
      seen: String(leaked),
      path: 'guests.suspectedLeaked',
      args: { leaked },
    }),
  ];
}
