// The simulated Mac's tools that start Node, each as one file: dozens are started for each raise, and reading forty modules takes
// as long as Node's own start.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const dist = join(dirname(dirname(fileURLToPath(import.meta.url))), 'packages/mac-sim/dist');

await build({
  entryPoints: {
    doing: join(dist, 'doing/main.js'),
    nvram: join(dist, 'tool-main.js'),
    recovery: join(dist, 'recovery/tool.js'),
  },
  outdir: join(dist, 'tools'),
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  logLevel: 'warning',
});
