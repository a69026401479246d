/** The two facts that a session opens with, read by two tools, so that it need not wait for all the others. */
import { readPlatform } from '../macos/ioreg.ts';
import { part, valueOrNull } from '../macos/reading.ts';
import { readSysctl, sysctlValue } from '../macos/sysctl.ts';
import { readHardwareOverview } from '../macos/system-profiler.ts';
import { uuidOf } from '../macos/text.ts';
import type { ToolContext } from '../macos/tool.ts';

const BOOT_SESSION = 'kern.bootsessionuuid';

export interface SessionFacts {
  readonly bootSession: string | null;
  readonly hardwareUuid: string | null;
}

export async function readSessionFacts(context: ToolContext): Promise<SessionFacts> {
  const [sysctl, platform] = await Promise.all([readSysctl(context, [BOOT_SESSION]), readPlatform(context)]);
  return {
    bootSession: valueOrNull(part(sysctlValue(sysctl, BOOT_SESSION), uuidOf, 'not a UUID')),
    hardwareUuid: valueOrNull(platform)?.uuid ?? valueOrNull(await readHardwareOverview(context))?.uuid ?? null,
  };
}
