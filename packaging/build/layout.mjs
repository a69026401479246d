// The release folder: payload, installer scripts, the files for MDM, Munki, AutoPkg and Jamf, and the sum of each part.
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const PACKAGE_ID = 'com.headroom.agent';
export const HOME = 'root/Library/Application Support/HeadroomAgent';
const ADMIN_FOLDERS = ['mdm', 'munki', 'autopkg', 'jamf'];

/**
 * Writes the layout to `out`, which must not be used for anything else. `pin` is packaging/node.json.
 * Same inputs, same bytes: nothing of this machine or time goes in.
 */
export function writeLayout({ root, out, version, bundle, licences, pin }) {
  const source = join(root, 'packaging');
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  cpSync(join(source, 'layout'), out, { recursive: true });
  cpSync(join(source, 'scripts'), join(out, 'scripts'), { recursive: true });
  cpSync(join(source, 'root'), join(out, 'root'), { recursive: true });
  cpSync(join(root, 'apps/agent/kit'), join(out, HOME, 'kit'), { recursive: true });
  cpSync(bundle, join(out, HOME, 'agent.cjs'));
  writeFileSync(join(out, HOME, 'LICENSES.txt'), licences);
  for (const folder of ADMIN_FOLDERS) cpSync(join(source, folder), join(out, 'admin', folder), { recursive: true });
  fillIn(join(out, 'admin'), valuesOf({ version, pin }));
  writeFileSync(join(out, 'layout.conf'), layoutConf(version, pin));
  for (const file of filesBelow(out)) chmodSync(file, statSync(file).mode & 0o100 ? 0o755 : 0o644);
  writeFileSync(join(out, 'SHA256SUMS'), sums(out));
}

export const layoutName = (version) => `headroom-agent-${version}-darwin-arm64`;

/** What the scripts read with sed: key=value, one a line. */
function layoutConf(version, pin) {
  const values = {
    version,
    'package-id': PACKAGE_ID,
    'node-package': pin.package,
    'node-version': pin.version,
    'node-integrity': pin.integrity,
    'node-binary': pin.binary,
    'node-sha256': pin.binarySha256,
    'node-team': pin.team,
  };
  return Object.entries(values)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

function valuesOf({ version, pin }) {
  return {
    VERSION: version,
    LAYOUT: layoutName(version),
    NODE_PACKAGE: pin.package,
    NODE_VERSION: pin.version,
    NODE_BINARY: pin.binary,
    NODE_TEAM: pin.team,
    NODE_SUM: Buffer.from(pin.integrity.replace(/^sha512-/, ''), 'base64').toString('hex'),
  };
}

function fillIn(folder, values) {
  for (const file of filesBelow(folder)) {
    const text = readFileSync(file, 'utf8');
    const filled = text.replace(/@([A-Z_]+)@/g, (mark, name) => {
      if (values[name] === undefined) throw new Error(`${file}: nothing is known for ${mark}`);
      return values[name];
    });
    if (filled !== text) writeFileSync(file, filled);
  }
}

function sums(out) {
  return filesBelow(out)
    .map((file) => `${sha256(file)}  ${relative(out, file)}\n`)
    .join('');
}

export function sha256(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}
