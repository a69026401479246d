/** `reboot` and `shutdown`: leave word for the session's keeper, who ends it, and never return by themselves. */
import { endSession } from '../ending-file.ts';
import { notSimulated, type Tool } from '../tool-result.ts';

export const reboot: Tool = ({ dir, args }) =>
  args.length > 0 ? notSimulated('reboot', args) : endSession(dir, 'reboot');

/** Only "now" is simulated. */
export const shutdown: Tool = ({ dir, args }) => {
  const [how, when, ...rest] = args;
  if ((how !== '-h' && how !== '-r') || when !== 'now' || rest.length > 0) return notSimulated('shutdown', args);
  return endSession(dir, how === '-r' ? 'reboot' : 'shutdown');
};
