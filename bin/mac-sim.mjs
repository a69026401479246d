#!/usr/bin/env node
// Launcher of mac-sim. Exists before a build, and says how to build when there is none.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const entry = new URL('../packages/mac-sim/dist/cli.js', import.meta.url);
if (existsSync(fileURLToPath(entry))) {
  const { main } = await import(entry.href);
  process.exitCode = await main(process.argv.slice(2));
} else {
  process.stderr.write('mac-sim: not built yet. Build it with: npm run build\n');
  process.exitCode = 1;
}
