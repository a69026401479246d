/** `nvram` of booted macOS, the writing half: sets, deletes and saves variables. Reading is done by the shell script. */
import { BOOT_NAMESPACE_GUID, flushNvram, loadState, nvramValue, type SimState, updateState } from './state.ts';

export interface ToolResult {
  readonly status: number;
  readonly stderr?: string;
}

/** Flag of SIP that guards NVRAM; in `sip0` it is set when the guard is off. */
const NVRAM_UNRESTRICTED = 0x40;
const LINE_BYTES_MAX = 1024;

export function writeNvram(dir: string, args: readonly string[], isRoot: boolean): ToolResult {
  const [first = '', second] = args;
  if (args.length === 1 && first === '-s') {
    updateState(dir, flushNvram);
    return { status: 0 };
  }
  if (args.length === 2 && first === '-d' && second !== undefined) return change(dir, second, null, isRoot);
  const at = first.indexOf('=');
  if (args.length === 1 && at > 0 && !first.startsWith('-'))
    return change(dir, first.slice(0, at), first.slice(at + 1), isRoot);
  return { status: 64, stderr: `mac-sim: /usr/sbin/nvram with these arguments is not simulated: ${args.join(' ')}\n` };
}

function change(dir: string, name: string, value: string | null, isRoot: boolean): ToolResult {
  const verb = value === null ? 'deleting' : 'setting';
  const refuse = (reason: string): ToolResult => ({
    status: 1,
    stderr: `nvram: Error ${verb} variable - '${name}': (iokit/common) ${reason}\n`,
  });
  const prefix = `${BOOT_NAMESPACE_GUID}:`;
  const variable = name.startsWith(prefix) ? name.slice(prefix.length) : name;
  if (!isRoot || (variable === 'boot-args' && !isNvramOpen(loadState(dir)))) return refuse('not permitted');
  if (value !== null && Buffer.byteLength(value) >= LINE_BYTES_MAX) return refuse('invalid argument');
  let missing = false;
  updateState(dir, (draft) => {
    missing = value === null && nvramValue(draft, variable) === null;
    if (!missing) draft.nvram.unflushed[variable] = value;
  });
  return missing ? refuse('data was not found') : { status: 0 };
}

function isNvramOpen(state: SimState): boolean {
  return (Number.parseInt(state.policy.sip0 ?? '0', 16) & NVRAM_UNRESTRICTED) !== 0;
}
