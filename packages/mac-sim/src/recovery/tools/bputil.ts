/**
 * `bputil` of recoveryOS: shows the boot policy (-d), makes a fresh one in Full (-f) or Reduced Security (-g), or lifts the
 * filtering of boot arguments (-a). A system is always named, as Headroom never leaves the choice to a list.
 */
import { bputilText } from '../../render/policy-tools.ts';
import { type BootPolicy, loadState, type SimState, updateState } from '../../state.ts';
import { changePolicy, FRESH_POLICY, fullSecurityRefusal } from '../policy.ts';
import { askLine, askSecret } from '../terminal.ts';
import { failed, notSimulated, type Tool, type ToolResult } from '../tool-result.ts';
import { AP_BOOT_MODE, authenticate } from '../users.ts';

const CHANGES: Readonly<Record<string, Partial<BootPolicy>>> = {
  '-f': FRESH_POLICY,
  '-g': { ...FRESH_POLICY, smb0: true },
  '-a': { smb0: true, smb1: true, sip3: true },
};

export const bputil: Tool = ({ dir, args }) => {
  const [verb = '', flag, group, ...rest] = args;
  const change = CHANGES[verb];
  const shows = verb === '-d' || verb === '--display-policy';
  if (rest.length > 0 || (flag === undefined ? !shows : flag !== '-v')) return notSimulated('bputil', args);
  const state = loadState(dir);
  const isOurs = flag === undefined || group?.toUpperCase() === state.volumes.group;
  if (shows) return isOurs ? show(state, flag === '-v') : showOther(state, group ?? '');
  if (change === undefined) return notSimulated('bputil', args);
  return isOurs ? write(dir, state, verb, change) : notFound(group ?? '');
};

function show(state: SimState, namesGroup: boolean): ToolResult {
  const paired = state.recovery?.paired === true;
  return { status: 0, stdout: bputilText(state, { osType: osType(state), paired, namesGroup }) };
}

/** The policy of another system, with which this recoveryOS is not paired. */
function showOther(state: SimState, group: string): ToolResult {
  if (!(state.volumes.others ?? []).some((other) => other.group === group)) return notFound(group);
  const other = { ...state, volumes: { ...state.volumes, group }, policy: { ...state.policy, coih: null } };
  return { status: 0, stdout: bputilText(other, { osType: osType(state), paired: false, namesGroup: true }) };
}

function osType({ recovery }: SimState): 'one true recoveryOS' | 'recoveryOS' {
  return (recovery?.heldButton ?? recovery?.paired) ? 'one true recoveryOS' : 'recoveryOS';
}

function notFound(group: string): ToolResult {
  return failed(`Could not find the volume group ${group}`);
}

/** Lowering wants the paired recoveryOS; going to Full names no pairing, which is what mends a stuck one. */
function write(dir: string, state: SimState, verb: string, change: Partial<BootPolicy>): ToolResult {
  const name = (askLine('Username: ') ?? '').trim();
  const password = askSecret('Password: ') ?? '';
  const result = authenticate(state, name, password);
  if (result !== 'ok')
    return failed(result === 'unknown-user' ? `${name} is not a valid admin user` : 'Unable to set credentials');
  if (verb !== '-f' && state.recovery?.paired !== true) return failed(AP_BOOT_MODE);
  const refusal = verb === '-f' ? fullSecurityRefusal(state) : null;
  if (refusal !== null) return failed(refusal);
  updateState(dir, (draft) => {
    changePolicy(draft, change);
    if (verb === '-f' && draft.behaviour.faults) draft.behaviour.faults.pairingStuck = false;
    if (draft.recovery !== null) draft.recovery.sipChanged = true;
  });
  return { status: 0 };
}
