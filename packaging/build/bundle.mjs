// The agent as one file. It must be ESM (main.ts awaits at the top); grpc-js inside it is CommonJS and needs a `require`.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const REQUIRE =
  "import{createRequire as headroomRequire}from'node:module';const require=headroomRequire(import.meta.url);";

/** In the bundle the kit's folder lies beside the one file. */
const kitBesideBundle = {
  name: 'kit-beside-bundle',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]cli[\\/]kit-source\.js$/ }, () => ({
      contents:
        "import{fileURLToPath}from'node:url';export const kitSource=()=>fileURLToPath(new URL('./kit',import.meta.url));",
    }));
  },
};

/** Bundles the built agent into `outfile`; returns its size and the npm packages that are inside. */
export async function bundleAgent({ root, outfile }) {
  const { metafile } = await build({
    entryPoints: [join(root, 'apps/agent/dist/main.js')],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    minify: true,
    legalComments: 'none',
    banner: { js: REQUIRE },
    plugins: [kitBesideBundle],
    // Only grpc-js's channelz and ORCA services ask for it, when called; the agent offers neither.
    external: ['@grpc/proto-loader'],
    metafile: true,
    absWorkingDir: root,
    logLevel: 'warning',
  });
  const inputs = Object.keys(metafile.inputs);
  if (!inputs.some((input) => input.endsWith('cli/kit-source.js')))
    throw new Error('the bundle holds no cli/kit-source.js: the kit would not be found on a Mac');
  const packages = inputs.map((input) => /^.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[0]).filter(Boolean);
  return { bytes: Object.values(metafile.outputs)[0].bytes, packages: [...new Set(packages)].sort() };
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
