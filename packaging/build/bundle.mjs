// The agent as one file; CommonJS, because Node's loader of ES modules takes a tenth of a start for itself.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** In the bundle the kit's folder lies beside the one file. */
const kitBesideBundle = {
  name: 'kit-beside-bundle',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]cli[\\/]kit-source\.js$/ }, () => ({
      contents: "import{join}from'node:path';export const kitSource=()=>join(__dirname,'kit');",
    }));
  },
};

/** Only the client of grpc-js: a fifth of the whole file less to read at each start. */
const grpcClientOnly = {
  name: 'grpc-client-only',
  setup({ onResolve }) {
    const path = fileURLToPath(new URL('grpc-client.mjs', import.meta.url));
    onResolve({ filter: /^@grpc\/grpc-js$/ }, () => ({ path }));
  },
};

/** Bundles the built agent into `outfile`; returns its size and the npm packages that are inside. */
export async function bundleAgent({ root, outfile }) {
  const options = {
    entryPoints: [join(root, 'apps/agent/dist/main.js')],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    minify: true,
    legalComments: 'none',
    plugins: [kitBesideBundle, grpcClientOnly],
    // Only grpc-js's channelz asks for it, when called; the agent does not offer it.
    external: ['@grpc/proto-loader'],
    metafile: true,
    absWorkingDir: root,
    logLevel: 'warning',
  };
  const ofNode = nodeModules(await build({ ...options, write: false }));
  const { metafile } = await build({
    ...options,
    banner: { js: ofNode.map((name) => `require('${name}');`).join('') },
  });
  const inputs = Object.keys(metafile.inputs);
  if (!inputs.some((input) => input.endsWith('cli/kit-source.js')))
    throw new Error('the bundle holds no cli/kit-source.js: the kit would not be found on a Mac');
  const packages = inputs.map((input) => /^.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[0]).filter(Boolean);
  return { bytes: Object.values(metafile.outputs)[0].bytes, packages: [...new Set(packages)].sort() };
}

/** What the file takes of Node: loaded first, because Node's compiled code for it fits only until engine.ts has set its switches. */
function nodeModules({ metafile }) {
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  return [...new Set(imports.map(({ path }) => path).filter(isBuiltin))].sort();
}

/** The licence texts of what the bundle contains, in one text. A package without one stops the build. */
export function licencesOf(root, packages) {
  return packages
    .map((path) => {
      const folder = join(root, path);
      const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
      if (file === undefined && license === undefined) throw new Error(`${path} has no licence`);
      const text = file !== undefined && existsSync(join(folder, file)) ? readFileSync(join(folder, file), 'utf8') : '';
      return `${name} ${version} (${license})\n\n${text.trim()}\n`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}
