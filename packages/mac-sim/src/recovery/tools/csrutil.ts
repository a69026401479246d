/** `csrutil` of recoveryOS: turns System Integrity Protection off and on by changing the boot policy. */
import { csrutilStatus, SIP_ALL_OFF } from '../../render/policy-tools.ts';
import { type BootPolicy, loadState, type SimState, updateState } from '../../state.ts';
import { changePolicy, FRESH_POLICY, fullSecurityRefusal } from '../policy.ts';
import { askLine, askSecret } from '../terminal.ts';
import { failed, notSimulated, type Tool, type ToolResult } from '../tool-result.ts';
import { AP_BOOT_MODE, type Authentication, authenticate, recoveryUsers } from '../users.ts';

export const csrutil: Tool = ({ dir, args }) => {
  const [verb, ...rest] = args;
  if (rest.length > 0) return notSimulated('csrutil', args);
  if (verb === 'status') return { status: 0, stdout: csrutilStatus(loadState(dir).policy) };
  if (verb === 'disable') return disable(dir);
  if (verb === 'enable') return enable(dir);
  if (verb === 'clear') return clear(dir);
  return notSimulated('csrutil', args);
};

function disable(dir: string): ToolResult {
  const state = loadState(dir);
  const question = `Turning off System Integrity Protection requires modifying system security.
Allow booting unsigned operating systems and any kernel extensions for OS "${state.volumes.systemName}"? [y/n]: `;
  if (!saidYes(askLine(question))) return { status: 0 };
  const refusal = signIn(state);
  if (refusal !== null) return refusal;
  const { csrutilIgnored, csrutilKeepsFiltering } = state.behaviour.faults ?? {};
  if (!csrutilIgnored)
    change(dir, {
      ...{ smb0: true, smb1: true, sip0: SIP_ALL_OFF, sip2: true },
      sip3: csrutilKeepsFiltering === true ? state.policy.sip3 : true,
    });
  return {
    status: 0,
    stdout: 'System Integrity Protection is off.\nRestart the machine for the changes to take effect.\n',
  };
}

/** Answered y, one command goes back to Full and removes the custom kernel; answered n, the custom kernel stays. */
function enable(dir: string): ToolResult {
  const state = loadState(dir);
  const raiseLevel = saidYes(askLine('Raise security level to full boot security? [y/n]: '));
  const refusal = signIn(state);
  if (refusal !== null) return refusal;
  const notFull = raiseLevel ? fullSecurityRefusal(state) : null;
  if (notFull !== null) return failed(notFull);
  change(dir, raiseLevel ? FRESH_POLICY : SIP_ON);
  return {
    status: 0,
    stdout: 'System Integrity Protection is on.\nRestart the machine for the changes to take effect.\n',
  };
}

/** Resets the SIP part of the policy, also one that is stuck. */
function clear(dir: string): ToolResult {
  const refusal = signIn(loadState(dir));
  if (refusal !== null) return refusal;
  change(dir, SIP_ON);
  updateState(dir, ({ behaviour: { faults } }) => {
    if (faults) faults.csrutilIgnored = false;
  });
  return { status: 0, stdout: 'Successfully cleared System Integrity Protection.\n' };
}

const SIP_ON: Partial<BootPolicy> = { sip0: null, sip1: false, sip2: false, sip3: false };

function change(dir: string, values: Partial<BootPolicy>): void {
  updateState(dir, (draft) => {
    changePolicy(draft, values);
    if (draft.recovery !== null) draft.recovery.sipChanged = true;
  });
}

/** Asks for the password of an owner, whose name is asked only when there are several. Null = allowed. */
function signIn(state: SimState): ToolResult | null {
  const users = recoveryUsers(state);
  const only = users.length === 1 ? users[0]?.name : undefined;
  const name = only ?? askLine('\nEnter the name of an authorized user: ') ?? '';
  const password = askSecret(`${only === undefined ? '' : '\n'}Enter password for user ${name}: `) ?? '';
  if (state.recovery?.paired !== true) return failed(AP_BOOT_MODE);
  const messages: Record<Exclude<Authentication, 'ok'>, string> = {
    'unknown-user': `csrutil: ${name} is not an authorized user`,
    'wrong-password': 'csrutil: Unable to set credentials',
  };
  const result = authenticate(state, name, password);
  return result === 'ok' ? null : failed(messages[result]);
}

function saidYes(answer: string | null): boolean {
  return answer !== null && /^y(es)?$/i.test(answer.trim());
}
