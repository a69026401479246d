/**
 * Preloaded into the agent (`node --import`): notes each change that it makes to the disk and each tool of a step that it starts, in
 * order, and kills it (-9) right before the Nth, or in the middle of it when that is a tool. HEADROOM_TRACE is the file of notes,
 * HEADROOM_DIE_AT the number, HEADROOM_DIE_AFTER_MS how long a tool may run before the kill.
 */
import childProcess from 'node:child_process';
import { appendFileSync, constants } from 'node:fs';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const { HEADROOM_TRACE: trace, HEADROOM_DIE_AT: dieAt, HEADROOM_DIE_AFTER_MS: afterMs } = process.env;
const WRITES = constants.O_WRONLY | constants.O_RDWR | constants.O_CREAT;
/** Tools of steps come one after the other; those of facts run side by side, so they have no place in the order. */
const OF_STEPS =
  /\/(hdiutil (attach|detach|info)|installer |pkgutil |kmutil (create|inspect)|nvram (-d|-s|[^ ]*boot-args=))/;
let count = 0;

/** true = this one is to die in its middle. */
function pass(what) {
  appendFileSync(trace, `${what}\n`);
  count += 1;
  if (count !== Number(dieAt)) return false;
  if (afterMs !== undefined) return true;
  process.kill(process.pid, 'SIGKILL');
}

for (const name of ['rename', 'rm', 'rmdir', 'mkdir', 'mkdtemp', 'chmod', 'link', 'writeFile']) {
  const real = fs[name];
  fs[name] = (...args) => {
    pass(`${name} ${args[0]}`);
    return real(...args);
  };
}
const open = fs.open;
fs.open = (path, flags, ...rest) => {
  if ((Number(flags) & WRITES) !== 0) pass(`open ${path}`);
  return open(path, flags, ...rest);
};
const spawn = childProcess.spawn;
childProcess.spawn = (file, args, ...rest) => {
  const call = [file, ...(Array.isArray(args) ? args : [])].join(' ');
  const dies = OF_STEPS.test(call) && pass(`tool ${call.slice(0, 200)}`);
  const child = spawn(file, args, ...rest);
  if (dies) setTimeout(() => process.kill(process.pid, 'SIGKILL'), Number(afterMs));
  return child;
};
syncBuiltinESMExports();
