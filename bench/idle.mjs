// What an idle controller costs: its resident memory beside that of the bare libraries on the same Postgres in the same run, before
// anybody used it and after somebody looked at all that it lists (which wakes Prisma, as the bare libraries do at once), and the
// time from its start to its ready line, on an empty folder and on one that it knows. Linux only.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
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
const LISTS = ['hosts', 'policies', 'rollouts', 'jobs', 'visits', 'exceptions', 'kdks', 'webhooks', 'audit'];

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
    say(`controller on a known folder, idle for ${seconds} s, used, and idle again`);
    const known = await measure(serve, idleMs, ({ apiUrl }) => lookAtAll(apiUrl, stateDir));
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
        rssRatio: ratio(known.rssMb, bare.rssMb),
        usedControllerRssMb: known.usedRssMb,
        usedRssRatio: ratio(known.usedRssMb, bare.rssMb),
      },
      targets: { rssRatio: 1.2, readyEmptySeconds: 3, readyKnownSeconds: 3 },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Both programs run with the same flags of Node: none. */
async function measure(args, idleMs, use = null) {
  const startedAt = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => {});
  const said = [];
  createInterface({ input: child.stderr }).on('line', (line) => said.push(line));
  const ended = new Promise((resolve) => child.once('close', resolve));
  const ready = new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve));
  try {
    const line = await Promise.race([ready, ended.then(() => null)]);
    if (line === null) throw new Error(`it ended:\n${said.slice(-15).join('\n')}`);
    const readySeconds = Number(((performance.now() - startedAt) / 1000).toFixed(2));
    // What it took without what else the machine does; helpers such as Postgres are not counted.
    const cpuSeconds = Number((cpuMs(child.pid).own / 1000).toFixed(2));
    const rssMb = await weigh(child.pid, idleMs);
    if (use === null) return { readySeconds, cpuSeconds, rssMb };
    await use(JSON.parse(line));
    return { readySeconds, cpuSeconds, rssMb, usedRssMb: await weigh(child.pid, idleMs) };
  } finally {
    child.stdin.end();
    await ended;
  }
}

/** Megabytes after so long without work. */
async function weigh(pid, idleMs) {
  await sleep(idleMs);
  const looks = [];
  for (let look = 0; look < LOOKS; look += 1) {
    looks.push(rssBytes(pid));
    await sleep(200);
  }
  return Number((median(looks) / 1e6).toFixed(1));
}

async function lookAtAll(apiUrl, stateDir) {
  const token = readFileSync(join(stateDir, 'admin.token'), 'utf8').trim();
  for (const list of LISTS) {
    const answer = await fetch(`${apiUrl}/api/v1/${list}`, { headers: { authorization: `Bearer ${token}` } });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${list}: ${answer.status} ${text}`);
  }
}

function ratio(ours, bare) {
  return Number((ours / bare).toFixed(3));
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
