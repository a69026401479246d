/** The kit's one script, which lies on a Mac under each of its names and acts by the name it is called by. */
import { join } from 'node:path';

export const KIT_SCRIPT_NAMES = ['raise', 'check', 'revert'] as const;

export function kitScript(kitSource: string): string {
  return join(kitSource, 'raise');
}
