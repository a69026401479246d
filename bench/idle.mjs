// What an idle controller costs: its resident memory beside that of the bare libraries on the same Postgres in the same run, and
// the time from its start to its ready line, on an empty folder and on one that it knows. Linux only.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cpuMs, median, rssBytes } from './lib/process-use.mjs';

export const summary = 'an idle controller: memory against the bare libraries, and start to ready (--idle-seconds N)';
export const options = { 'idle-seconds': { type: 'string', default: '20' } };

const BARE = fileURLToPath(new URL('lib/bare-stack.mjs', import.meta.url));
const LOOKS = 5;

export async function run({ root, options: { 'idle-seconds': seconds }, say }) {
  const folder = mkdtempSync(join(tmpdir(), 'headroom-idle-'));
  const stateDir = join(folder, 'controller');
  mkdirSync(stateDir, { mode: 0o700 });
  const idleMs = Number(seconds) * 1000;
  const main = join(root, 'apps/controller/dist/main.js');
  const serve = [main, 'serve', '--state-dir', stateDir, '--simulation', '--exit-with-parent'];
  try {
    say('controller on an empty folder');
    const empty = await measure(serve, 0);
    say(`controller on a known folder, idle for ${seconds} s`);
    const known = await measure(serve, idleMs);
    say(`bare libraries, idle for ${seconds} s`);
    const bare = await onSamePostgres(root, stateDir, (connection) =>
      measure([BARE, root, JSON.stringify(connection)], idleMs),
    );
    return {
      figures: {
        readyEmptySeconds: empty.readySeconds,
        readyKnownSeconds: known.readySeconds,
        bareReadySeconds: bare.readySeconds,
        readyEmptyCpuSeconds: empty.cpuSeconds,
        readyKnownCpuSeconds: known.cpuSeconds,
        bareReadyCpuSeconds: bare.cpuSeconds,
        controllerRssMb: known.rssMb,
        bareRssMb: bare.rssMb,
        rssRatio: Number((known.rssMb / bare.rssMb).toFixed(3)),
      },
      targets: { rssRatio: 1.2, readyEmptySeconds: 3, readyKnownSeconds: 3 },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Both programs run with the same flags of Node: none. */
async function measure(args, idleMs) {
  const startedAt = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => {});
  const said = [];
  createInterface({ input: child.stderr }).on('line', (line) => said.push(line));
  const ended = new Promise((resolve) => child.once('close', resolve));
  const ready = new Promise((resolve) => createInterface({ input: child.stdout }).once('line', () => resolve('ready')));
  try {
    if ((await Promise.race([ready, ended])) !== 'ready') throw new Error(`it ended:\n${said.slice(-15).join('\n')}`);
    const readySeconds = Number(((performance.now() - startedAt) / 1000).toFixed(2));
    // What it took without what else the machine does; helpers such as Postgres are not counted.
    const cpuSeconds = Number((cpuMs(child.pid).own / 1000).toFixed(2));
    await sleep(idleMs);
    const looks = [];
    for (let look = 0; look < LOOKS; look += 1) {
      looks.push(rssBytes(child.pid));
      await sleep(200);
    }
    return { readySeconds, cpuSeconds, rssMb: Number((median(looks) / 1e6).toFixed(1)) };
  } finally {
    child.stdin.end();
    await ended;
  }
}

/** The Postgres of the controller's own folder, once the controller has left it. */
async function onSamePostgres(root, stateDir, work) {
  const { openDatabase } = await import(join(root, 'apps/controller/dist/db/open.js'));
  const { connection, stop } = await openDatabase({ stateDir, databaseUrl: null, fleetName: 'bench' });
  try {
    return await work(connection);
  } finally {
    await stop();
  }
}
