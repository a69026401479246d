/**
 * macOS builds: Darwin and xnu numbers, and the version text of each kernel of a build. Texts seen in public KDK manifests and
 * captures are kept exactly; others are put together by the same rule and count as invented.
 */
import type { ProvenanceKind } from './provenance-kind.ts';

export interface SystemBuild {
  readonly version: string;
  readonly build: string;
  readonly extra: string;
  readonly baseBuild: string;
  readonly darwin: string;
  readonly xnu: string;
  /** Date in the version text of kernels whose own date is not known. */
  readonly date: string;
  /** `CONFIG_VARIANT` -> date in that kernel's version text, as captured. */
  readonly dates: Readonly<Record<string, string>>;
  readonly provenance: ProvenanceKind;
}

export type KernelTextConfig = 'release' | 'development' | 'kasan';

interface Row {
  readonly version: string;
  readonly build: string;
  readonly darwin: string;
  readonly xnu: string;
  readonly dates: Readonly<Record<string, string>>;
}

const RAPID_RESPONSES: Readonly<Record<string, { readonly extra: string; readonly baseBuild: string }>> = {
  '22F770820d': { extra: '(c)', baseBuild: '22F82' },
};

const ROWS: readonly Row[] = [
  row('13.4.1', '22F82', '22.5.0', '8796.121.3~7', 'Thu Jun  8 # PDT 2023', {
    'RELEASE T6000': '22:22:20',
    'RELEASE T6020': '22:22:23',
    'RELEASE T8103': '22:22:19',
    'RELEASE T8112': '22:21:34',
    'DEVELOPMENT T6000': '22:21:12',
    'DEVELOPMENT T6020': '22:21:52',
    'DEVELOPMENT T8103': '22:21:41',
    'DEVELOPMENT T8112': '22:21:30',
  }),
  row('13.5', '22G74', '22.6.0', '8796.141.3~6', 'Wed Jul  5 # PDT 2023', { 'RELEASE T6020': '22:21:53' }),
  row('14.0', '23A5301h', '23.0.0', '10002.0.199.505.1~3', 'Tue Jul 18 # PDT 2023', {
    'RELEASE T6020': '20:34:24',
    'DEVELOPMENT T6020': '20:35:13',
    'RELEASE T8112': '20:35:32',
    'DEVELOPMENT T8112': '20:35:13',
  }),
  row('14.5', '23F79', '23.5.0', '10063.121.3~5', 'Wed May  1 # PDT 2024', { 'RELEASE VMAPPLE': '20:12:39' }),
  row('14.6.1', '23G93', '23.6.0', '10063.141.2~1', 'Mon Jul 29 # PDT 2024', {
    'RELEASE T6000': '21:14:30',
    'RELEASE T6020': '21:13:04',
    'RELEASE T6030': '21:14:30',
    'RELEASE T6031': '21:14:46',
    'RELEASE T8103': '21:14:21',
    'RELEASE T8112': '21:16:46',
    'RELEASE T8122': '21:14:04',
    'DEVELOPMENT T6000': '21:25:57',
    'DEVELOPMENT T6020': '21:25:36',
    'DEVELOPMENT T6030': '21:25:36',
    'DEVELOPMENT T6031': '21:24:56',
    'DEVELOPMENT T8103': '21:14:41',
    'DEVELOPMENT T8112': '21:13:24',
    'DEVELOPMENT T8122': '21:14:57',
  }),
  row('14.8.7', '23J520', '23.6.0', '10063.141.1.712.16~1', 'Tue Apr 21 # PDT 2026', { 'RELEASE T6031': '20:21:13' }),
  row('15.1', '24B82', '24.1.0', '11215.41.3~2', 'Thu Oct 10 # PDT 2024', {
    'RELEASE T6000': '21:03:15',
    'RELEASE T6020': '21:03:11',
    'RELEASE T6030': '21:00:32',
    'RELEASE T6031': '21:05:23',
    'RELEASE T8103': '21:05:14',
    'RELEASE T8112': '21:02:45',
    'RELEASE T8122': '21:02:26',
    'RELEASE VMAPPLE': '21:04:31',
    'DEVELOPMENT T6000': '21:24:46',
    'DEVELOPMENT T6020': '21:26:49',
    'DEVELOPMENT T6030': '21:24:57',
    'DEVELOPMENT T6031': '21:26:48',
    'DEVELOPMENT T8103': '21:27:22',
    'DEVELOPMENT T8112': '21:22:51',
    'DEVELOPMENT T8122': '21:24:11',
    'DEVELOPMENT VMAPPLE': '21:25:02',
    'DEVELOPMENT X86_64': '21:20:39',
  }),
  row('26.2', '25C56', '25.2.0', '12377.61.12~1', 'Tue Nov 18 # PST 2025', { 'RELEASE T6041': '21:09:56' }),
  row('26.3', '25D125', '25.3.0', '12377.81.4~5', 'Wed Jan 28 # PST 2026', { 'RELEASE T6031': '20:47:03' }),
  row('26.3.1', '25D2128', '25.3.0', '12377.91.3~2', 'Wed Jan 28 # PST 2026', { 'RELEASE T6031': '20:54:55' }),
  row('26.6.2', '25G83', '25.6.0', '12377.161.14~5', 'Fri Jul 31 # PDT 2026', {
    'RELEASE T6041': '19:17:26',
    'RELEASE T6050': '19:19:08',
  }),
  row('27.0', '26A5388g', '27.0.0', '13432.0.94.501.4~1', 'Tue Jul 14 # PDT 2026', { 'RELEASE T8142': '21:40:57' }),
  row('27.0', '26A428', '27.0.0', '13432.1.9~1', 'Tue Aug 11 # PDT 2026', {
    'RELEASE T6000': '21:22:49',
    'RELEASE VMAPPLE': '21:00:07',
  }),
];

/** `day` has `#` in place of the time. */
function row(
  version: string,
  build: string,
  darwin: string,
  xnu: string,
  day: string,
  times: Record<string, string>,
): Row {
  const dates = Object.fromEntries(Object.entries(times).map(([kernel, time]) => [kernel, day.replace('#', time)]));
  return { version, build, darwin, xnu, dates };
}

/** The build's numbers: as captured, else invented from the build's own text so that they are the same everywhere. */
export function systemFor(version: string, build: string): SystemBuild {
  if (!/^[0-9]{1,2}(\.[0-9]{1,2}){0,2}$/.test(version))
    throw new Error(`version ${JSON.stringify(version)}: expected e.g. 14.5`);
  if (!/^[0-9]{2}[A-Z][0-9]{1,7}[a-z]?$/.test(build))
    throw new Error(`build ${JSON.stringify(build)}: expected e.g. 23F79`);
  const rapid = RAPID_RESPONSES[build];
  const baseBuild = rapid?.baseBuild ?? build;
  const known = ROWS.find((each) => each.build === baseBuild);
  const names = { version, build, extra: rapid?.extra ?? '', baseBuild };
  if (known === undefined) return { ...names, ...invented(build) };
  const date = Object.values(known.dates)[0] ?? '';
  return { ...names, darwin: known.darwin, xnu: known.xnu, date, dates: known.dates, provenance: 'captured' };
}

/** Darwin's number is the build's first two digits; the letter counts minor versions from A. */
function invented(build: string): Pick<SystemBuild, 'darwin' | 'xnu' | 'date' | 'dates' | 'provenance'> {
  const year = Number(build.slice(0, 2));
  const darwinMajor = year >= 26 ? year + 1 : year;
  const minor = build.charCodeAt(2) - 'A'.charCodeAt(0);
  const serial = Number(build.replace(/^..[A-Z]/, '').replace(/[a-z]$/, ''));
  const pad = (value: number): string => String(value % 60).padStart(2, '0');
  return {
    darwin: `${darwinMajor}.${minor}.0`,
    xnu: `${darwinMajor * 500}.${minor * 20 + 1}.${serial % 100}~1`,
    date: `Tue Jun  3 20:${pad(serial)}:${pad(serial * 7)} PDT ${2000 + year}`,
    dates: {},
    provenance: 'invented',
  };
}

/** Is this very kernel's version text captured? */
export function kernelTextProvenance(system: SystemBuild, variant: string, config: KernelTextConfig): ProvenanceKind {
  return Object.hasOwn(system.dates, `${config.toUpperCase()} ${variant}`) ? 'captured' : 'invented';
}

/** What `uname -v` prints under this kernel, and what the kernel's own file holds. */
export function kernelVersionText(system: SystemBuild, variant: string, config: KernelTextConfig): string {
  const word = config.toUpperCase();
  const date = system.dates[`${word} ${variant}`] ?? system.date;
  const machine = variant === 'X86_64' ? 'X86_64' : `ARM64_${variant}`;
  return `Darwin Kernel Version ${system.darwin}: ${date}; root:${train(system.darwin, config)}-${system.xnu}/${word}_${machine}`;
}

/** Development kernels have a train name of their own since Darwin 24. */
function train(darwin: string, config: KernelTextConfig): string {
  if (config === 'kasan') return 'xnu_kasan';
  return config === 'development' && Number.parseInt(darwin, 10) >= 24 ? 'xnu_development' : 'xnu';
}
