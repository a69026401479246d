/** Facts about guests: how many run at most, and how many the running kernel allows. */
import {
  type Facts,
  hypervisorInBootArgs,
  type KernelConfig,
  QUOTA_MAX,
  QUOTA_STOCK,
  quotaInBootArgs,
  type WitnessFact,
} from '@headroom/core';
import { known, type Reading, unknown } from '../macos/reading.ts';
import { sysctlValue } from '../macos/sysctl.ts';
import type { MacReadings } from './read-mac.ts';
import type { UnknownLog } from './unknown-log.ts';

export function guestFacts(
  readings: MacReadings,
  facts: Pick<Facts, 'kernel' | 'bootArgs'>,
  log: UnknownLog,
): Facts['guests'] {
  return {
    processesAtMost: log.take('guests.processesAtMost', readings.guestProcesses),
    derivedQuota: log.take('guests.derivedQuota', derivedQuota(facts.kernel.config, facts.bootArgs.inForce)),
    suspectedLeaked: log.note(
      'guests.suspectedLeaked',
      'a leaked slot shows only when a guest is refused while none runs; no guest was started to find out',
    ),
    witness: log.take('guests.witness', witnessOfThisBoot(readings)),
  };
}

/** A count of an earlier boot proves nothing about this one. */
function witnessOfThisBoot({ witness, sysctl }: MacReadings): Reading<WitnessFact | null> {
  if (!witness.ok) return witness;
  if (witness.value === null) return known(null);
  const session = sysctlValue(sysctl, 'kern.bootsessionuuid');
  if (!session.ok) return unknown(`the boot session is not known: ${session.reason}`);
  const { macosGuests, source, at, bootSession } = witness.value;
  return known(bootSession.toUpperCase() === session.value.toUpperCase() ? { macosGuests, source, at } : null);
}

/** What kernel config and arguments in force allow. Nothing prints the quota itself. */
export function derivedQuota(config: KernelConfig | null, bootArgs: string | null): Reading<number> {
  if (config === 'release') return known(QUOTA_STOCK);
  if (config === null) return unknown('the kernel config is not known');
  if (bootArgs === null) return unknown('the boot arguments in force are not known');
  const quota = quotaInBootArgs(bootArgs);
  if (quota === null) return known(QUOTA_STOCK);
  if (config !== 'development')
    return unknown(`whether a kernel of config ${config} honours the quota argument is not known`);
  const isHeeded = hypervisorInBootArgs(bootArgs);
  if (isHeeded === false) return known(QUOTA_STOCK);
  if (isHeeded === null) return unknown('hypervisor is given in a form that the kernel may take for 1');
  return Number.isInteger(quota) && quota <= QUOTA_MAX
    ? known(quota)
    : unknown('the quota in force is written in a form, or is a number, that kernel and people may read differently');
}
