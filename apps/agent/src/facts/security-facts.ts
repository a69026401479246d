/** Facts about boot arguments, System Integrity Protection and the boot policy. */
import type { BootArgsFacts, BootPolicyFacts, SipFacts } from '@headroom/core';
import type { BootPolicy } from '../macos/bputil.ts';
import type { Reading } from '../macos/reading.ts';
import { sysctlValue } from '../macos/sysctl.ts';
import type { MacReadings } from './read-mac.ts';
import type { UnknownLog } from './unknown-log.ts';

export function bootArgsFacts({ sysctl, storedBootArgs }: MacReadings, log: UnknownLog): BootArgsFacts {
  const stored = log.take('bootArgs.stored', storedBootArgs);
  return {
    inForce: log.take('bootArgs.inForce', sysctlValue(sysctl, 'kern.bootargs')),
    storedPresent: stored === null ? log.take('bootArgs.storedPresent', refused(storedBootArgs)) : stored.present,
    stored: stored?.present === true ? stored.value : null,
  };
}

/** The same failure, for a second fact that rests on it. */
function refused(reading: Reading<unknown>): Reading<never> {
  return reading.ok ? { ok: false, reason: 'not said' } : reading;
}

export function sipFacts({ sip, shownPolicy }: MacReadings, log: UnknownLog): SipFacts {
  if (sip.ok) {
    const { status, flags } = sip.value;
    const isLost = status === 'custom' && flags === null;
    return isLost
      ? { status, flags: log.note('sip.flags', 'csrutil lists no flags in a form that is known') }
      : sip.value;
  }
  // "Disabled" in system_profiler may be a part of the flags only; "Enabled" is all of them.
  const enabled = shownPolicy.ok && shownPolicy.value.sipEnabled === true;
  log.note('sip.flags', sip.reason);
  return { status: enabled ? 'enabled' : log.take('sip.status', sip), flags: null };
}

export function bootPolicyFacts({ policy, shownPolicy }: MacReadings, log: UnknownLog): BootPolicyFacts {
  const of = <K extends keyof BootPolicy>(key: K) =>
    log.field(`bootPolicy.${key}`, policy, key, `bputil printed no ${key}`);
  const facts = {
    securityMode: of('securityMode'),
    customKernel: of('customKernel'),
    bootArgsFiltering: of('bootArgsFiltering'),
    sip0: of('sip0'),
    paired: of('paired'),
    auxiliaryKexts: of('auxiliaryKexts'),
  };
  if (!shownPolicy.ok) return facts;
  const { securityMode, bootArgsFiltering } = shownPolicy.value;
  return {
    ...facts,
    securityMode: facts.securityMode ?? log.replace('bootPolicy.securityMode', securityMode),
    bootArgsFiltering: facts.bootArgsFiltering ?? log.replace('bootPolicy.bootArgsFiltering', bootArgsFiltering),
  };
}
