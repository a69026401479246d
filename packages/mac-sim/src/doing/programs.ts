/** Runs one of the programs of booted macOS that change something to its end. */
import { hdiutil } from './hdiutil.ts';
import { installer } from './installer.ts';
import { type Call, type Program, Refusal } from './io.ts';
import { kmutil } from './kmutil.ts';
import { pkgutil } from './pkgutil.ts';

const PROGRAMS = { hdiutil, installer, kmutil, pkgutil } satisfies Record<string, Program>;
export type DoingTool = keyof typeof PROGRAMS;

/** Exit status; a refusal's text goes to stderr. */
export async function runProgram(name: DoingTool, call: Call): Promise<number> {
  try {
    return await PROGRAMS[name](call);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    call.io.err(error.message);
    return error.status;
  }
}

export function isDoingTool(name: string): name is DoingTool {
  return Object.hasOwn(PROGRAMS, name);
}
