/** ps: how many guests run at most. One process per guest, macOS and Linux alike: an upper bound, never a count. */
import { known, type Reading, unknown } from './reading.ts';
import { linesOf, quote } from './text.ts';
import { type Output, readTool, type ToolContext } from './tool.ts';

const PS = '/bin/ps';
/** All processes, the executable's path alone; `ww`, as ps may cut lines at 79 columns and the path is longer. */
const psArgs = (): readonly string[] => ['-axww', '-o', 'comm='];

const GUEST_PROCESS = 'com.apple.Virtualization.VirtualMachine';

export function readGuestProcesses(context: ToolContext): Promise<Reading<number>> {
  return readTool(context, { path: PS, args: psArgs() }, parseGuestProcesses);
}

/** All processes are never without launchd: a list without it is cut or an error, and not "none". */
export function parseGuestProcesses({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<number> {
  const lines = linesOf(stdout).filter((line) => line.trim() !== '');
  if (!lines.some((line) => /(^|\/)launchd\s*$/.test(line)))
    return unknown(`ps did not list all processes: ${quote(stderr, stdout)}`);
  return known(
    lines.filter((line) => line.trim() === GUEST_PROCESS || line.trim().endsWith(`/${GUEST_PROCESS}`)).length,
  );
}
