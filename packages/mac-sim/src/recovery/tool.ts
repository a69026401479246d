/** Entry of every simulated tool of recoveryOS: `node tool.js DIR NAME ARGUMENTS...`. */
import { writeSync } from 'node:fs';
import { failPower } from './power-failure.ts';
import { TOOLS } from './tools/index.ts';

const [dir = '', name = '', ...args] = process.argv.slice(2);
const tool = TOOLS[name];
if (tool === undefined) throw new Error(`${name}: no such tool of recoveryOS`);
try {
  const { status, stdout = '', stderr = '' } = tool.run({ dir, args });
  if (stdout !== '') writeSync(1, stdout);
  if (stderr !== '') writeSync(2, stderr);
  process.exitCode = status;
  failPower(dir, [name, ...args].join(' '));
} catch (error) {
  writeSync(2, `${name}: ${(error as Error).message}\n`);
  process.exitCode = 70;
}
