// One command from a clone to raised Macs: how long `npm start` takes and where the time goes, seen from outside, in a clone of
// this repository's last commit in a temporary folder. First with nothing installed, then again with --fresh.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const summary =
  '`npm start` in a fresh clone, then again installed and built: each phase in seconds (--macs N, default 3)';
export const options = { macs: { type: 'string', default: '3' } };

const LOOK_MS = 50;

export async function run({ root, options: { macs }, say }) {
  const folder = mkdtempSync(join(tmpdir(), 'headroom-quickstart-'));
  const clone = join(folder, 'headroom');
  try {
    execFileSync('git', ['clone', '--quiet', '--no-hardlinks', root, clone]);
    say('npm start in a clone without node_modules');
    const first = await start(clone, macs);
    say('npm start -- --fresh, installed and built');
    const again = await start(clone, macs);
    return {
      figures: {
        macs: Number(macs),
        firstSeconds: first.raised,
        againSeconds: again.raised,
        firstPhases: first,
        againPhases: again,
      },
      targets: { firstSeconds: 180, againSeconds: 40 },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Seconds since the start at which each phase was over; null for one that was not seen. Phases are seen by what they leave:
 * files for install, build, controller and enrolment, lines of output for the Macs.
 */
async function start(clone, macs) {
  rmSync(join(clone, '.headroom'), { recursive: true, force: true });
  const startedAt = performance.now();
  const seconds = () => Number(((performance.now() - startedAt) / 1000).toFixed(2));
  const installedBefore = existsSync(join(clone, 'node_modules/.package-lock.json'));
  const phases = {
    installed: installedBefore ? 0 : null,
    built: null,
    controllerReady: null,
    enrolled: null,
    prepared: null,
    raised: null,
  };
  const files = {
    installed: 'node_modules/.package-lock.json',
    built: '.headroom/logs',
    controllerReady: '.headroom/kdks',
    enrolled: '.headroom/quickstart.json',
  };
  const args = ['start', '--', '--macs', macs, '--fresh', '--exit-when-raised'];
  const child = spawn('npm', args, { cwd: clone, stdio: ['ignore', 'pipe', 'pipe'] });
  const look = setInterval(() => {
    for (const [phase, file] of Object.entries(files))
      if (phases[phase] === null && existsSync(join(clone, file))) phases[phase] = seconds();
  }, LOOK_MS);
  const output = [];
  const prepared = new Set();
  const read = (line) => {
    output.push(line);
    const mac = /^(mac-\d+) \([^)]*\): ready for visit/.exec(line)?.[1];
    if (mac !== undefined && prepared.add(mac).size === Number(macs)) phases.prepared = seconds();
    if (/^\d+ of \d+ raised after /.test(line)) phases.raised = seconds();
  };
  createInterface({ input: child.stdout }).on('line', read);
  createInterface({ input: child.stderr }).on('line', read);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearInterval(look);
  if (code !== 0) throw new Error(`npm start ended with ${code}:\n${output.slice(-15).join('\n')}`);
  return { ...phases, ended: seconds() };
}
