/** `node main.js TOOL ROOT args…`: what the tool scripts in a simulated Mac's directory start. */
import { resolve } from 'node:path';
import { isSimulated } from '../state.ts';
import { PROCESS_IO } from './io.ts';
import { isDoingTool, runProgram } from './programs.ts';

/** EX_SOFTWARE: the simulator, not the simulated tool, has failed. */
const SIMULATOR_FAILED = 70;

async function main([name = '', dir = '', ...args]: readonly string[]): Promise<number> {
  const root = resolve(dir);
  if (!isDoingTool(name)) throw new Error(`no simulated program ${JSON.stringify(name)}`);
  if (!isSimulated(root)) throw new Error(`${root} is not a simulated Mac. Make one with: mac-sim create ${root}`);
  return runProgram(name, { root, args, io: PROCESS_IO });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`mac-sim: ${(error as Error).message}\n`);
  process.exitCode = SIMULATOR_FAILED;
}
