/** What lies on a simulated Mac, and what of it Headroom left behind after the way back. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** The simulator's own, and what a running macOS has that a new one has not. */
const OF_MACOS = [/^\.mac-sim\//, /^System\//, /^usr\//, /^bin\//, /^sbin\//, /^Library\/Extensions\//];
/** An enrolled agent keeps these. */
const KEPT = new Set([
  ...['identity.json', 'key.pem', 'cert.pem', 'state.json', 'baseline.json', 'status.json', 'status.plist'],
  ...['witness.json', 'agent.lock', 'agent.sock', 'retired-grant-keys.json', 'state.json.damaged'],
]);
const HOME = 'private/var/db/headroom';
/** Its logs, code that Node keeps for it, and the note of a tool that runs at this moment. */
const KEPT_BELOW = [/^logs\//, /^node-cache\//, /^journal\/\.tool-[0-9]+$/];

export function filesOf(dir: string): readonly string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)));
}

/** Files that were not there before, and images that are attached. */
export function leftBehind(dir: string, before: ReadonlySet<string>): readonly string[] {
  const files = filesOf(dir).filter((path) => !before.has(path) && !OF_MACOS.some((pattern) => pattern.test(path)));
  const mounts = join(dir, '.mac-sim/mounts.json');
  const attached = existsSync(mounts) ? (JSON.parse(readFileSync(mounts, 'utf8')) as { image: string }[]) : [];
  return [...files.filter((path) => !isKept(path)), ...attached.map(({ image }) => `attached: ${image}`)];
}

function isKept(path: string): boolean {
  const name = relative(HOME, path);
  return KEPT.has(name) || KEPT_BELOW.some((pattern) => pattern.test(name));
}
