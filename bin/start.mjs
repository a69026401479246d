// npm start: everything on this machine, with simulated Macs. Needs nothing but Node; see --help.
import { checkNode, ensureBuilt, ensureInstalled, root } from './bootstrap.mjs';

checkNode();
const timings = { installMs: ensureInstalled(), buildMs: ensureBuilt() };
const { quickstart } = await import('../packages/quickstart/dist/index.js');
process.exitCode = await quickstart({ root, args: process.argv.slice(2), timings });
