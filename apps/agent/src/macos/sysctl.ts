/**
 * sysctl: kernel values by name. Seen: macOS 14 to 26. One call reads all names. At one that this kernel does not know, some sysctl go
 * on and others end there (BSD sources know both): then those that were not printed are asked for one by one.
 */
import { known, type Reading, unknown } from './reading.ts';
import { linesOf, quote } from './text.ts';
import { type Output, readTool, type ToolContext } from './tool.ts';

const SYSCTL = '/usr/sbin/sysctl';
const sysctlArgs = (names: readonly string[]): readonly string[] => [...names];

/** Value by name, blanks at its ends removed. A name that is not in it could not be read. */
export type SysctlValues = ReadonlyMap<string, string>;

export async function readSysctl(context: ToolContext, names: readonly string[]): Promise<Reading<SysctlValues>> {
  let isOneUnknown = false;
  const together = await readTool(context, { path: SYSCTL, args: sysctlArgs(names) }, (output) => {
    isOneUnknown = output.stderr.includes('unknown oid');
    return parseSysctl(output, names);
  });
  if (!isOneUnknown || names.length === 1) return together;
  const values = new Map(together.ok ? together.value : []);
  for (const name of names.filter((one) => !values.has(one))) {
    const alone = await readSysctl(context, [name]);
    if (alone.ok) for (const [key, value] of alone.value) values.set(key, value);
  }
  return values.size > 0 ? known(values) : together;
}

/** Takes `name: value` and `name=value`; only the names asked for count, as values hold both signs themselves. */
export function parseSysctl(
  { stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>,
  names: readonly string[],
): Reading<SysctlValues> {
  const values = new Map<string, string>();
  for (const line of linesOf(stdout)) {
    const match = /^\s*([A-Za-z0-9_.]+?)\s*(?::|=)(.*)$/.exec(line);
    const name = match?.[1];
    if (name !== undefined && names.includes(name) && !values.has(name)) values.set(name, (match?.[2] ?? '').trim());
  }
  return values.size > 0
    ? known(values)
    : unknown(`sysctl printed nothing of what was asked (${names.length} values): ${quote(stderr, stdout)}`);
}

/** One value; "" counts as read (kern.bootargs is empty on a stock Mac). */
export function sysctlValue(values: Reading<SysctlValues>, name: string): Reading<string> {
  if (!values.ok) return values;
  const value = values.value.get(name);
  return value === undefined ? unknown(`sysctl does not know ${name} on this Mac`) : known(value);
}

/** 0 or 1, such as kern.hv_vmm_present. */
export function sysctlFlag(values: Reading<SysctlValues>, name: string): Reading<boolean> {
  const value = sysctlValue(values, name);
  if (!value.ok) return value;
  if (value.value === '1') return known(true);
  if (value.value === '0') return known(false);
  return unknown(`sysctl ${name} is neither 0 nor 1: ${quote(value.value)}`);
}

/** kern.boottime: `{ sec = 1716980000, usec = 0 } Wed May 29 ...` as ISO time. */
export function parseBootTime(text: string): Reading<string> {
  const seconds = Number(/\bsec\s*=\s*([0-9]{1,12})\b/.exec(text)?.[1] ?? Number.NaN);
  const time = new Date(seconds * 1000);
  if (Number.isNaN(time.getTime()) || seconds === 0) return unknown(`kern.boottime is not a time: ${quote(text)}`);
  return known(time.toISOString());
}
