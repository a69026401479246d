/** uname and sysctl: what the running kernel says about itself. */
import { isAppleSilicon, isGuest } from '../catalogue/macs.ts';
import { kernelTextProvenance, systemFor } from '../catalogue/systems.ts';
import type { Boot, SimState } from '../state-model.ts';
import { lines, type Output } from './output.ts';

const UNAME = 'usr/bin/uname';

export function unameOutputs(state: SimState, boot: Boot): readonly Output[] {
  const system = systemFor(state.os.version, state.os.build);
  const machine = isAppleSilicon(state.hardware.variant) ? 'arm64' : 'x86_64';
  const host = hostName(state);
  const version = boot.kernelVersionText;
  const provenance = kernelTextProvenance(system, state.hardware.variant, boot.kernel);
  const source = provenance === 'captured' ? `uname/, kernel text of ${system.baseBuild}` : 'kernel date invented';
  const rows: readonly (readonly [args: string, text: string])[] = [
    ['', 'Darwin'],
    ['-s', 'Darwin'],
    ['-n', host],
    ['-r', state.os.darwin],
    ['-v', version],
    ['-m', machine],
    ['-p', machine === 'arm64' ? 'arm' : 'i386'],
    ['-a', `Darwin ${host} ${state.os.darwin} ${version} ${machine}`],
  ];
  return rows.map(([args, text]) => ({ tool: UNAME, args, out: lines(text), provenance, source }));
}

function hostName(state: SimState): string {
  return `${state.id.toLowerCase().replace(/[^a-z0-9-]/g, '-')}.local`;
}

/** Oid -> value. An oid that is not here is unknown, as the guest quota is on a Mac. */
export function sysctlValues(state: SimState, boot: Boot): ReadonlyMap<string, string> {
  const { hardware, os, policy, volumes } = state;
  const arm = isAppleSilicon(hardware.variant);
  const guest = isGuest(hardware.variant);
  const development = boot.kernel === 'development';
  const values = new Map<string, string>([
    ['hw.machine', arm ? 'arm64' : 'x86_64'],
    ['hw.model', hardware.model],
    ['hw.ncpu', String(hardware.cores)],
    ['hw.memsize', String(hardware.memoryBytes)],
    ['hw.target', hardware.target],
    ['kern.ostype', 'Darwin'],
    ['kern.osrelease', os.darwin],
    ['kern.osversion', os.baseBuild],
    ['kern.osproductversion', os.version],
    ['kern.osreleasetype', 'User'],
    ['kern.version', boot.kernelVersionText],
    ['kern.hostname', hostName(state)],
    ['kern.hv_support', guest ? '0' : '1'],
    ['kern.hv_vmm_present', guest ? '1' : '0'],
    ['kern.osbuildconfig', boot.kernel],
    ['kern.development', development ? '1' : '0'],
    ['kern.bootargs', boot.bootArgsInForce],
    ['kern.uuid', boot.kernelUuid],
    ['kern.bootsessionuuid', boot.sessionId],
    ['kern.boottime', bootTime(boot.time)],
    ['machdep.cpu.brand_string', hardware.chip],
  ]);
  if (!arm) return values;
  values.set('hw.product', hardware.model);
  values.set('hw.targettype', hardware.target.replace(/AP$/, ''));
  values.set('hw.cputype', '16777228');
  values.set('hw.cpusubtype', '2');
  values.set('sysctl.proc_translated', '0');
  values.set('kern.bootobjectspath', `/${volumes.group}/boot/${policy.nsih}`);
  if (state.behaviour.filesetUuidReadable) values.set('kern.filesetuuid', boot.filesetUuid);
  return values;
}

/** `{ sec = 1, usec = 0 } Thu Jan  1 00:00:01 1970` */
function bootTime(iso: string): string {
  const date = new Date(iso);
  const [weekday, , month, year, time] = date.toUTCString().replace(',', '').split(' ');
  const day = String(date.getUTCDate()).padStart(2, ' ');
  const micros = (date.getTime() % 1000) * 1000;
  return `{ sec = ${Math.floor(date.getTime() / 1000)}, usec = ${micros} } ${weekday} ${month} ${day} ${time} ${year}`;
}

const SYSCTL_CAPTURED = new Set(
  (
    'hw.machine hw.model hw.product hw.target hw.targettype hw.cputype hw.cpusubtype hw.ncpu hw.memsize kern.osversion ' +
    'kern.osproductversion kern.osreleasetype kern.version kern.hv_support kern.hv_vmm_present kern.osbuildconfig ' +
    'kern.development kern.bootargs sysctl.proc_translated'
  ).split(' '),
);

/** Rows for the provenance table; the tool itself reads one file per oid. */
export function sysctlOutputs(state: SimState, boot: Boot): readonly Output[] {
  return [...sysctlValues(state, boot)].map(([oid, value]) => {
    const captured = SYSCTL_CAPTURED.has(oid);
    return {
      tool: 'usr/sbin/sysctl',
      args: oid,
      out: `${oid}: ${value}\n`,
      provenance: captured ? 'captured' : 'documented',
      source: captured ? 'sysctl/' : 'XNU source: name and type of the oid',
    };
  });
}
