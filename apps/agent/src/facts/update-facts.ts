/** Facts about updates of macOS: an update replaces the kernel that a raise rests on. */
import type { Facts, UpdateTarget } from '@headroom/core';
import { countAt, flagAt, type PlistDict } from '../macos/plist.ts';
import { known, part, type Reading, unknown } from '../macos/reading.ts';
import type { DeclaredSettings } from '../macos/update-declarations.ts';
import type { MacReadings } from './read-mac.ts';
import type { UnknownLog } from './unknown-log.ts';

const AUTO_INSTALL = 'AutomaticallyInstallMacOSUpdates';
/** Deferral of minor updates; the older key holds for all kinds where the newer one is not set. */
const DEFERRAL_ON = 'forceDelayedSoftwareUpdates';
const DEFERRAL_DAYS = ['enforcedSoftwareUpdateMinorOSDeferredInstallDelay', 'enforcedSoftwareUpdateDelay'] as const;

export function updateFacts(readings: MacReadings, log: UnknownLog): Facts['update'] {
  const preparedTarget = prepared(readings);
  const { updateDeclarations: declarations } = readings;
  const declared = declarations.ok ? declarations.value.settings : declarations;
  return {
    pending: log.items('update.pending', readings.updates, ({ version, build }, at) => ({
      version,
      build: build ?? log.note(`${at}.build`, 'softwareupdate names no build at the end of its label'),
    })),
    autoInstall: log.take('update.autoInstall', autoInstall(declared, readings)),
    deferralDays: log.take('update.deferralDays', deferralDays(declared, readings.managedRestrictions)),
    prepared: log.take(
      'update.prepared',
      part(preparedTarget, () => true, 'macOS did not say'),
    ),
    preparedTarget: log.take('update.preparedTarget', preparedTarget),
    enforced: log.take('update.enforced', declarations.ok ? declarations.value.enforced : declarations),
  };
}

/** A proposed system that runs already is a leftover, and tells nothing of the next update. */
function prepared({ proposedSystem, swVers }: MacReadings): Reading<UpdateTarget> {
  if (!proposedSystem.ok) return proposedSystem;
  const running = swVers.ok ? swVers.value.build : null;
  if (running === null)
    return unknown(`a system ${proposedSystem.value.build} is proposed; which one runs is not known`);
  return proposedSystem.value.build === running
    ? unknown('the system that Preboot proposes is the one that runs')
    : proposedSystem;
}

type Declared = Reading<DeclaredSettings | null>;

/** A declared setting overrules a managed one, and that the local one. Without any macOS decides by version, so nothing is known. */
function autoInstall(
  declared: Declared,
  { managedUpdatePreferences, updatePreferences }: MacReadings,
): Reading<boolean> {
  if (!declared.ok) return declared;
  if (declared.value !== null && declared.value.autoInstall !== null) return known(declared.value.autoInstall);
  for (const preferences of [managedUpdatePreferences, updatePreferences]) {
    const value = preferences.ok ? flagAt(preferences.value, AUTO_INSTALL) : null;
    if (value !== null) return known(value);
  }
  return unknown(`${AUTO_INSTALL} is set in no preference file that can be read`);
}

function deferralDays(declared: Declared, restrictions: Reading<PlistDict>): Reading<number> {
  if (!declared.ok) return declared;
  if (declared.value !== null && declared.value.deferralDays !== null) return known(declared.value.deferralDays);
  if (!restrictions.ok)
    return unknown(`none is declared, and there is no restrictions profile: ${restrictions.reason}`);
  if (flagAt(restrictions.value, DEFERRAL_ON) !== true)
    return unknown('the restrictions profile says nothing of a deferral');
  const days = DEFERRAL_DAYS.map((key) => countAt(restrictions.value, key)).find((value) => value !== null);
  return days === undefined || days === null
    ? unknown('updates are deferred, but for how long is not said')
    : known(days);
}
