/** `nvram` of recoveryOS. Writes are buffered until `nvram -s` or a clean restart; whether one is allowed depends on the release. */
import {
  BOOT_NAMESPACE_GUID,
  flushNvram,
  loadState,
  nvramAll,
  nvramValue,
  type SimState,
  updateState,
} from '../../state.ts';
import { failed, notSimulated, type Tool, type ToolResult } from '../tool-result.ts';

export const nvram: Tool = ({ dir, args }) => {
  const [first = '', second] = args;
  const state = loadState(dir);
  if (args.length === 1 && first === '-p') return show(nvramAll(state));
  if (args.length === 1 && first === '-s') {
    if (!state.behaviour.faults?.nvramSaveIgnored) updateState(dir, flushNvram);
    return { status: 0 };
  }
  if (args.length === 2 && first === '-d' && second !== undefined) return write(dir, state, second, null);
  if (args.length !== 1 || first.startsWith('-')) return notSimulated('nvram', args);
  const at = first.indexOf('=');
  return at < 0 ? read(state, first) : write(dir, state, first.slice(0, at), first.slice(at + 1));
};

function read(state: SimState, name: string): ToolResult {
  if (state.behaviour.faults?.nvramUnreadable)
    return failed(`nvram: Error getting variable - '${name}': (iokit/common) general error`);
  const value = nvramValue(state, plainName(name));
  if (value === null) return failed(`nvram: Error getting variable - '${name}': (iokit/common) data was not found`);
  return show([[name, value]]);
}

function write(dir: string, state: SimState, name: string, value: string | null): ToolResult {
  const doing = value === null ? 'deleting' : 'setting';
  if (!isAllowed(state, name))
    return failed(`nvram: Error ${doing} variable - '${name}': (iokit/common) not permitted`);
  updateState(dir, (draft) => {
    draft.nvram.unflushed[plainName(name)] = value;
  });
  return { status: 0 };
}

/** The policy that csrutil has just written counts for the GUID form at once, for the bare form after a restart. */
function isAllowed(state: SimState, name: string): boolean {
  if (plainName(name) !== 'boot-args') return true;
  if (state.policy.sip0 === null) return false;
  const { nvramGuidFormInRecovery, nvramBareFormInRecovery } = state.behaviour;
  if (name !== plainName(name)) return nvramGuidFormInRecovery;
  return nvramBareFormInRecovery || state.recovery?.sipChanged === false;
}

function plainName(name: string): string {
  const prefix = `${BOOT_NAMESPACE_GUID}:`;
  return name.toUpperCase().startsWith(prefix) ? name.slice(prefix.length) : name;
}

function show(rows: readonly (readonly [string, string])[]): ToolResult {
  return { status: 0, stdout: rows.map(([name, value]) => `${name}\t${value}\n`).join('') };
}
