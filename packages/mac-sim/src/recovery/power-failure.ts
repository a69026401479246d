/** Power that fails between two steps of a script: after a tool did what it does, and before anything notices. */
import { loadState } from '../state.ts';
import { endSession } from './ending-file.ts';

/** `call` = the tool with its arguments, as it was typed. */
export function failPower(dir: string, call: string): void {
  const { powerFailsAfter } = loadState(dir).behaviour.faults ?? {};
  if (powerFailsAfter !== undefined && call.startsWith(powerFailsAfter)) endSession(dir, 'power-cut');
}
