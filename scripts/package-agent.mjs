// npm run package:agent: the agent for macOS on Apple silicon as one file, as a release folder that makes a .pkg on the admin's
// own Mac, and as an archive of that folder.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { checkNode, ensureInstalled, node, optionsOf, root } from '../bin/bootstrap.mjs';

const USAGE = `npm run package:agent -- [options]
  --out DIR      where to (default dist-agent)
  --with-node    puts the pinned Node in, which downloads 45 MB`;
const values = optionsOf(USAGE, { 'with-node': { type: 'boolean' }, out: { type: 'string' } });
checkNode();
ensureInstalled();
const { bundleAgent, licencesOf } = await import('../packaging/build/bundle.mjs');
const { layoutName, sha256, writeLayout } = await import('../packaging/build/layout.mjs');
const { tarGz } = await import('../packaging/build/tar.mjs');

node('node_modules/typescript/bin/tsc', ['-b', 'apps/agent']);
const { version } = JSON.parse(readFileSync(join(root, 'apps/agent/package.json'), 'utf8'));
const pin = JSON.parse(readFileSync(join(root, 'packaging/node.json'), 'utf8'));
const folder = resolve(root, values.out ?? 'dist-agent');
const name = layoutName(version);
const layout = join(folder, name);
const bundle = join(folder, 'agent.cjs');

mkdirSync(folder, { recursive: true });
const { bytes, packages } = await bundleAgent({ root, outfile: bundle });
writeLayout({ root, out: layout, version, bundle, licences: licencesOf(root, packages), pin });
if (values['with-node']) putNode();
const archive = join(folder, `${name}.tar.gz`);
writeFileSync(archive, tarGz(layout, name));
const published = [archive, join(layout, 'SHA256SUMS')].map(
  (file) => `${sha256(file)}  ${file.slice(folder.length + 1)}\n`,
);
writeFileSync(join(folder, 'SHA256SUMS'), published.join(''));

console.log(`one file  ${bundle}, ${kilobytes(bytes)} kB with ${packages.length} npm packages inside`);
console.log(`layout    ${layout}; on a Mac: make-pkg --sums-sha256 ... OUT.pkg`);
console.log(
  `archive   ${archive}, ${kilobytes(statSync(archive).size)} kB${values['with-node'] ? ' with' : ' without'} Node ${pin.version}`,
);
process.stdout.write(`sums to publish:\n${published.join('')}`);

/** By the same script that an admin runs, so the same pins hold. */
function putNode() {
  const work = join(folder, 'node-download');
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work);
  execFileSync('npm', ['pack', '--silent', `${pin.package}@${pin.version}`], {
    cwd: work,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const tarball = join(work, `${pin.package}-${pin.version}.tgz`);
  execFileSync('/bin/sh', [join(layout, 'put-node'), tarball], { stdio: 'inherit' });
  rmSync(work, { recursive: true });
}

function kilobytes(size) {
  return (size / 1000).toFixed(0);
}
