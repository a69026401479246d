import { parseShell } from '../../packages/mac-sim/dist/recovery/shell.js';

/** Is this shell on the machine? Tests under one that is not are skipped. */
export function isHere(shell: string): boolean {
  try {
    parseShell(shell);
    return true;
  } catch {
    return false;
  }
}
