// Source of the project that is never built (test, scripts), imported by a program: bundled into .cache, where its packages are found.
import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** What the TypeScript file at `path` (from the root of the project) exports. Build the workspaces first. */
export async function importSource(root, path) {
  const outfile = join(root, '.cache/sources', `${basename(path, '.ts')}.mjs`);
  mkdirSync(join(outfile, '..'), { recursive: true });
  await build({
    entryPoints: [join(root, path)],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    absWorkingDir: root,
    logLevel: 'warning',
  });
  return import(pathToFileURL(outfile).href);
}
