/** What recoveryOS will look at: the system it belongs to, who may sign in, and what a custom kernel leaves out. */
import type { Finding } from '../evaluate-types.ts';
import type { Facts, VolumeOwner } from '../facts.ts';
import { makeFinding } from './make-finding.ts';
import { readinessUnknown } from './readiness-unknown.ts';

export const RECOVERY_CHECKS: readonly ((facts: Facts) => readonly Finding[])[] = [
  startupDefault,
  otherSystems,
  volumeOwners,
  auxiliaryKexts,
];

function startupDefault(facts: Facts): readonly Finding[] {
  const path = 'volumes.startupDefault';
  if (facts.volumes.startupDefault === null) return [readinessUnknown(facts, path)];
  if (facts.volumes.startupDefault) return [];
  return [
    makeFinding('NOT_STARTUP_DEFAULT', {
      detail: 'recoveryOS would open paired with another system, and refuse to lower the policy of this one.',
      expected: 'this system starts by default',
      seen: 'another system does',
      path,
      args: { volume: facts.volumes.systemName ?? 'this system' },
    }),
  ];
}

function volumeOwners(facts: Facts): readonly Finding[] {
  const path = 'volumes.owners';
  const { owners } = facts.volumes;
  if (owners === null) return [readinessUnknown(facts, path)];
  if (owners.length > 0) return recoveryList(facts, owners);
  return [
    makeFinding('NO_VOLUME_OWNER', {
      detail: 'recoveryOS asks for the name and password of a volume owner.',
      expected: 'one volume owner or more',
      seen: 'none',
      path,
    }),
  ];
}

/** An owner whom recoveryOS does not list cannot sign in there, whatever the password. */
function recoveryList(facts: Facts, owners: readonly VolumeOwner[]): readonly Finding[] {
  const path = 'volumes.recoveryAdmins';
  const { recoveryAdmins } = facts.volumes;
  if (recoveryAdmins == null) return [readinessUnknown(facts, path)];
  const listed = new Set(recoveryAdmins.map(({ uuid }) => uuid.toUpperCase()));
  if (owners.some(({ uuid }) => listed.has(uuid.toUpperCase()))) return [];
  return [
    makeFinding('RECOVERY_LIST_STALE', {
      detail: 'Its list, AdminUserRecoveryInfo.plist in Preboot, is older than the accounts.',
      expected: `one of ${owners.map(({ user, uuid }) => user ?? uuid).join(', ')}`,
      seen: recoveryAdmins.map(({ user }) => user).join(', ') || 'nobody',
      path,
    }),
  ];
}

/** Tools in recoveryOS ask which system is meant, and boot arguments are one value for the whole Mac. */
function otherSystems(facts: Facts): readonly Finding[] {
  const path = 'volumes.otherSystems';
  const { otherSystems: found, systemName } = facts.volumes;
  if (found == null) return [readinessUnknown(facts, path)];
  if (found.length === 0) return [];
  const others = found.map(({ name, systemUuid }) => name ?? systemUuid).join(', ');
  return [
    makeFinding('OTHER_SYSTEMS', {
      detail: 'Tools in recoveryOS ask for the system, and the first one offered may be another.',
      expected: 'one system',
      seen: `${systemName ?? 'this system'}, ${others}`,
      path,
      args: { volume: systemName ?? 'this system', others },
    }),
  ];
}

function auxiliaryKexts(facts: Facts): readonly Finding[] {
  const path = 'auxiliaryKexts';
  if (facts.auxiliaryKexts === null) return [readinessUnknown(facts, path)];
  if (facts.auxiliaryKexts.length === 0) return allowedKexts(facts);
  const kexts = facts.auxiliaryKexts.join(', ');
  return [
    makeFinding('AUXILIARY_KEXTS', {
      detail: 'They would stay out until rebuilt, approved and restarted once more.',
      expected: 'none',
      seen: kexts,
      path,
      args: { kexts },
    }),
  ];
}

/** A kernel extension that is allowed and not loaded now may come back, or wait for an approval. */
function allowedKexts(facts: Facts): readonly Finding[] {
  if (facts.bootPolicy.auxiliaryKexts !== true) return [];
  return [
    makeFinding('AUXILIARY_KEXTS_ALLOWED', {
      detail: 'auxi or auxp is set in the boot policy.',
      expected: 'absent',
      seen: 'set',
      path: 'bootPolicy.auxiliaryKexts',
    }),
  ];
}
