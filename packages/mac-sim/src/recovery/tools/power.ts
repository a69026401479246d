/** `reboot` and `shutdown`: leave word for the session's keeper, who ends it, and never return by themselves. */
import { writeFileAtomic } from '../../files.ts';
import { endingFile } from '../ending-file.ts';
import { notSimulated, type Tool } from '../tool-result.ts';

const WAIT_MS_MAX = 30_000;

export const reboot: Tool = ({ dir, args }) =>
  args.length > 0 ? notSimulated('reboot', args) : endSession(dir, 'reboot');

/** Only "now" is simulated. */
export const shutdown: Tool = ({ dir, args }) => {
  const [how, when, ...rest] = args;
  if ((how !== '-h' && how !== '-r') || when !== 'now' || rest.length > 0) return notSimulated('shutdown', args);
  return endSession(dir, how === '-r' ? 'reboot' : 'shutdown');
};

function endSession(dir: string, ending: 'reboot' | 'shutdown'): never {
  writeFileAtomic(endingFile(dir), ending);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MS_MAX);
  throw new Error(`nobody ended the session within ${WAIT_MS_MAX} ms`);
}
