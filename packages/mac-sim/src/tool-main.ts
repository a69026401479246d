/** Entry of the simulated macOS tools that change state: `node tool-main.js TOOL ROOT ARGUMENTS...`, started by their scripts. */
import { writeNvram } from './nvram-write.ts';

const [tool, root = '', ...args] = process.argv.slice(2);
const isRoot = (process.env['HEADROOM_SIM_UID'] ?? '0') === '0';
if (tool !== 'nvram') throw new Error(`${String(tool)}: no such simulated tool`);
const { status, stderr = '' } = writeNvram(root, args, isRoot);
process.stderr.write(stderr);
process.exitCode = status;
