#!/usr/bin/env node
// Launcher of the agent; exists before a build, so that npm can link it.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../apps/agent/dist/main.js', import.meta.url);
if (existsSync(fileURLToPath(main))) await import(main.href);
else {
  process.stderr.write('headroom-agent is not built yet. Next: npm run build\n');
  process.exitCode = 1;
}
