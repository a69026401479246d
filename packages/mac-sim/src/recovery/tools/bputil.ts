/** `bputil -d`: shows the boot policy as it is seen from recoveryOS. The simulator's bputil changes nothing. */
import { bputilText } from '../../render/policy-tools.ts';
import { loadState } from '../../state.ts';
import { failed, notSimulated, type Tool } from '../tool-result.ts';

export const bputil: Tool = ({ dir, args }) => {
  const [verb, flag, group, ...rest] = args;
  const shows = verb === '-d' || verb === '--display-policy';
  if (!shows || rest.length > 0 || (flag !== undefined && flag !== '-v')) return notSimulated('bputil', args);
  const state = loadState(dir);
  if (flag === '-v' && group?.toUpperCase() !== state.volumes.group)
    return failed(`Could not find the volume group ${group ?? ''}`);
  const paired = state.recovery?.paired === true;
  const osType = paired ? 'one true recoveryOS' : 'recoveryOS';
  return { status: 0, stdout: bputilText(state, { osType, paired, namesGroup: flag === '-v' }) };
};
