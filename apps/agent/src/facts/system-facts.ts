/** Facts about what runs: system, kernel, hardware and boot. */
import type { Facts, HardwareFacts, KernelConfig, KernelFacts, OsFacts } from '@headroom/core';
import { known, part, type Reading, unknown, valueOrNull } from '../macos/reading.ts';
import { isResponseBuild, type SystemVersion } from '../macos/sw-vers.ts';
import { parseBootTime, type SysctlValues, sysctlFlag, sysctlValue } from '../macos/sysctl.ts';
import { BUILD_PATTERN, uuidOf } from '../macos/text.ts';
import { configOf } from '../macos/uname.ts';
import type { MacReadings } from './read-mac.ts';
import type { UnknownLog } from './unknown-log.ts';

export function osFacts({ swVers, sysctl }: MacReadings, log: UnknownLog): OsFacts {
  return {
    version: log.field('os.version', swVers, 'version', 'sw_vers names no version'),
    build: log.field('os.build', swVers, 'build', 'sw_vers names no build'),
    extra: log.field('os.extra', swVers, 'extra', 'sw_vers did not say'),
    baseBuild: log.take('os.baseBuild', swVers.ok ? baseBuildOf(swVers.value, sysctl) : swVers),
  };
}

/**
 * The build that a KDK must match. A rapid response has a build of its own and no KDK; then the kernel's own build
 * counts, if it is another one of the same train. Two that contradict each other otherwise are for a person to judge.
 */
function baseBuildOf(system: SystemVersion, sysctl: Reading<SysctlValues>): Reading<string> {
  const kernelBuild = valueOrNull(sysctlValue(sysctl, 'kern.osversion'));
  const isBuild = kernelBuild !== null && BUILD_PATTERN.test(kernelBuild);
  if (!isResponseBuild(system)) {
    if (!isBuild || kernelBuild === system.build) return known(system.build);
    return unknown(`sw_vers says build ${system.build}, the kernel ${kernelBuild}: look up which one a KDK is for`);
  }
  if (
    isBuild &&
    train(kernelBuild) === train(system.build) &&
    !isResponseBuild({ build: kernelBuild, extra: '', version: '' })
  )
    return known(kernelBuild);
  return unknown(`a rapid response (${system.build}) is installed, and the kernel does not name the build below it`);
}

/** `22F` of 22F82. */
function train(build: string): string {
  return /^[0-9]+[A-Z]/.exec(build)?.[0] ?? build;
}

export function kernelFacts({ uname, sysctl }: MacReadings, log: UnknownLog): KernelFacts {
  return {
    config: log.take('kernel.config', configOfBoth(uname, sysctl)),
    variant: log.field('kernel.variant', uname, 'variant', 'uname names no variant'),
    darwin: log.field('kernel.darwin', uname, 'darwin', 'uname names no version'),
    xnu: log.field('kernel.xnu', uname, 'xnu', 'uname names no xnu train'),
    versionText: log.field('kernel.versionText', uname, 'versionText', 'uname printed nothing'),
    uuid: log.take('kernel.uuid', uuidValue(sysctl, 'kern.uuid')),
    filesetUuid: log.take('kernel.filesetUuid', uuidValue(sysctl, 'kern.filesetuuid')),
  };
}

/** Two sources that name different kernels prove neither. The word of a patched kernel (`other`) contradicts nothing. */
function configOfBoth(uname: MacReadings['uname'], sysctl: Reading<SysctlValues>): Reading<KernelConfig> {
  const said = part(
    sysctlValue(sysctl, 'kern.osbuildconfig'),
    (word) => (word === '' ? null : configOf(word)),
    'kern.osbuildconfig is empty',
  );
  const named = part(uname, ({ config }) => config, 'uname names no config');
  if (!said.ok) return named.ok ? named : said;
  const differ = named.ok && named.value !== said.value && ![named.value, said.value].includes('other');
  return differ ? unknown(`kern.osbuildconfig says ${said.value}, uname ${named.value}`) : said;
}

export function hardwareFacts(readings: MacReadings, log: UnknownLog): HardwareFacts {
  const { hardware, platform, sysctl, uname } = readings;
  const model = firstKnown(
    part(sysctlValue(sysctl, 'hw.model'), textOrNull, 'hw.model is empty'),
    part(platform, (found) => found.model, 'ioreg names no model'),
    part(hardware, (found) => found.model, 'system_profiler names no model'),
  );
  return {
    model: log.take('hardware.model', model),
    chip: log.field('hardware.chip', hardware, 'chip', 'system_profiler names no chip'),
    appleSilicon: log.field('hardware.appleSilicon', uname, 'appleSilicon', 'uname does not say'),
    virtualMachine: log.take('hardware.virtualMachine', virtualMachine(readings, model)),
    uuid: log.take(
      'hardware.uuid',
      firstKnown(
        part(platform, (found) => found.uuid, 'ioreg names no IOPlatformUUID'),
        part(hardware, (found) => found.uuid, 'system_profiler names no hardware UUID'),
      ),
    ),
    serial: log.take(
      'hardware.serial',
      firstKnown(
        part(platform, (found) => found.serial, 'ioreg names no serial number'),
        part(hardware, (found) => found.serial, 'system_profiler names no serial number'),
      ),
    ),
  };
}

/** One sign of a guest is enough for true; only the kernel's own word makes it false. */
function virtualMachine({ uname, sysctl }: MacReadings, model: Reading<string>): Reading<boolean> {
  if (valueOrNull(uname)?.variant === 'VMAPPLE' || valueOrNull(model)?.startsWith('VirtualMac') === true)
    return known(true);
  return sysctlFlag(sysctl, 'kern.hv_vmm_present');
}

export type BootOrdinal = (sessionId: string) => number | Promise<number>;

export async function bootFacts(
  { sysctl }: MacReadings,
  log: UnknownLog,
  ordinal: BootOrdinal | undefined,
): Promise<Facts['boot']> {
  const session = uuidValue(sysctl, 'kern.bootsessionuuid');
  const time = sysctlValue(sysctl, 'kern.boottime');
  return {
    sessionId: log.take('boot.sessionId', session),
    ordinal: log.take('boot.ordinal', await ordinalOf(session, ordinal)),
    time: log.take('boot.time', time.ok ? parseBootTime(time.value) : time),
  };
}

async function ordinalOf(session: Reading<string>, ordinal: BootOrdinal | undefined): Promise<Reading<number>> {
  if (ordinal === undefined) return unknown('boots are counted by the running agent only');
  if (!session.ok) return unknown(`the boot session is not known: ${session.reason}`);
  try {
    return known(await ordinal(session.value));
  } catch (error) {
    return unknown(`boots could not be counted: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function uuidValue(sysctl: Reading<SysctlValues>, name: string): Reading<string> {
  return part(sysctlValue(sysctl, name), uuidOf, `${name} is not a UUID`);
}

function textOrNull(text: string): string | null {
  return text === '' ? null : text;
}

/** The first reading that is known; otherwise the reason of the first. */
function firstKnown<T>(first: Reading<T>, ...others: readonly Reading<T>[]): Reading<T> {
  return [first, ...others].find(({ ok }) => ok) ?? first;
}
