/**
 * Keeps Node small; to be imported before all else. V8's compilers, the work they do for a daemon that is mostly idle, and a young
 * generation that grows cost up to 20 MB, and never earn it back.
 * Not as options on the command line: with any V8 option there, Node finds that the compiled code of its own modules, which it brings along,
 * was made under other options, and compiles them anew at each start. So the switches come once those modules are there, which the bundle sees to.
 * Only what V8 looks up each time it decides: `--max-lazy` at this point made it find half of its own notes and end the process.
 */
import { setFlagsFromString } from 'node:v8';

const SWITCHES = ['--no-opt', '--no-sparkplug', '--optimize-for-size', '--semi-space-growth-factor=1'];

for (const one of SWITCHES) setFlagsFromString(one);
