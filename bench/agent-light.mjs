// The agent must cost a Mac next to nothing: memory against bare Node in the same run, CPU while nothing happens, start, children.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { daemonNodeOptions, openBed } from './lib/agent-bed.mjs';
import { cpuMs, median, relatives, rssBytes } from './lib/process-use.mjs';

export const summary =
  'the bundled agent, connected and idle: memory, CPU, start, children (--seconds N, default 60; the claim needs 600)';
export const options = {
  seconds: { type: 'string', default: '60' },
  starts: { type: 'string', default: '15' },
  /** Other options than the LaunchDaemon's, to compare: --node-options "--a --b". */
  'node-options': { type: 'string' },
  /** Another Node than this one for the agent and for bare Node: the package ships a newer one. */
  node: { type: 'string', default: process.execPath },
};

/** The first check-in, its facts and garbage are not idle yet. */
const SETTLE_MS = 10_000;

export async function run({ root, options: { seconds, starts, node, 'node-options': others }, say }) {
  if (process.platform !== 'linux') throw new Error('agent-light reads /proc and runs on Linux only');
  const nodeOptions = others === undefined ? daemonNodeOptions(root) : others.split(' ').filter(Boolean);
  const nodeVersion = execFileSync(node, ['--version'], { encoding: 'utf8', env: {} }).trim();
  say(`controller, one simulated Mac, agent on Node ${nodeVersion} ${nodeOptions.join(' ')}`);
  const bed = await openBed({ root, node, nodeOptions });
  try {
    const cold = await measureStarts(bed, node, Number(starts));
    say(`cold starts to stream up: ${cold.coldStartMsAll.join(', ')} ms; now idle for ${seconds} s`);
    const idle = await measureIdle(bed, node, Number(seconds) * 1000);
    return {
      figures: {
        ...idle,
        ...cold,
        bundleBytes: bed.bundleBytes,
        idleSeconds: Number(seconds),
        nodeVersion,
        nodeOptions,
      },
      targets: { rssTimesBare: 1.5, idleCpuPercent: 0.1, coldStartMs: 250, childrenWhileIdle: 0, processesLeft: 0 },
    };
  } finally {
    await bed.close();
  }
}

/** Each start of the agent beside one of bare Node: the machine is as busy for the one as for the other. */
async function measureStarts(bed, node, starts) {
  const [cold, bare] = [[], []];
  // Once after an install, and after each update of macOS or of the agent: nothing is compiled yet.
  const first = await coldStart(bed);
  for (let at = 0; at < starts; at += 1) {
    cold.push(await coldStart(bed));
    bare.push(await bareStart(node));
  }
  const times = cold.map(({ ms }) => ms);
  return {
    coldStartMs: median(times),
    firstStartMs: first.ms,
    firstStartCpuMs: round(first.cpu, 1),
    coldStartMsAll: times,
    /** What the agent itself worked until then: other load moves it less. */
    coldStartCpuMs: round(median(cold.map(({ cpu }) => cpu)), 1),
    bareNodeStartMs: round(median(bare), 1),
  };
}

async function coldStart(bed) {
  const since = Date.now();
  const agent = bed.startAgent();
  const at = await bed.nudgesOpenedAt(since);
  const cpu = cpuMs(agent.pid).own;
  await end(agent);
  return { ms: at - since, cpu };
}

async function bareStart(node) {
  const since = performance.now();
  await once(spawn(node, ['-e', '0'], { env: {}, stdio: 'ignore' }), 'exit');
  return performance.now() - since;
}

async function measureIdle(bed, node, ms) {
  const bare = spawn(node, ['-e', 'setInterval(() => {}, 1e6)'], { env: {}, stdio: 'ignore' });
  const since = Date.now();
  const agent = bed.startAgent();
  await bed.nudgesOpenedAt(since);
  await sleep(SETTLE_MS);
  const from = { at: performance.now(), cpu: cpuMs(agent.pid) };
  const samples = { rss: [], bare: [], children: [] };
  for (const until = from.at + ms; performance.now() < until; ) {
    await sleep(Math.min(1000, until - performance.now()));
    samples.rss.push(rssBytes(agent.pid));
    samples.bare.push(rssBytes(bare.pid));
    samples.children.push(relatives(agent.pid).length);
  }
  const to = { at: performance.now(), cpu: cpuMs(agent.pid) };
  const percent = (from_, to_) => round(((to_ - from_) / (to.at - from.at)) * 100, 4);
  const left = await processesLeft(agent);
  await end(bare);
  const [rss, bareRss] = [median(samples.rss), median(samples.bare)];
  return {
    rssBytes: rss,
    rssBytesHighest: Math.max(...samples.rss),
    bareNodeRssBytes: bareRss,
    rssTimesBare: round(rss / bareRss, 3),
    idleCpuPercent: percent(from.cpu.own, to.cpu.own),
    toolsCpuPercent: percent(from.cpu.children, to.cpu.children),
    childrenWhileIdle: median(samples.children),
    processesLeft: left,
  };
}

async function processesLeft(agent) {
  await end(agent);
  await sleep(200);
  return relatives(agent.pid).length;
}

async function end(child) {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

function round(value, digits) {
  return Number(value.toFixed(digits));
}
