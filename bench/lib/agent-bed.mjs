// A real controller and one simulated Mac that is enrolled by the bundled agent, in a temporary folder.
import { execFile, spawn } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** The options that the LaunchDaemon gives to Node, read from its property list. */
export function daemonNodeOptions(root) {
  const plist = readFileSync(join(root, 'packaging/root/Library/LaunchDaemons/com.headroom.agent.plist'), 'utf8');
  return [...plist.matchAll(/<string>(--[a-z][a-z0-9-]*(?:=\d+)?)<\/string>/g)]
    .map(([, option]) => option)
    .filter((option) => option !== '--log-file');
}

/** Where the LaunchDaemon has Node keep compiled code, read from its property list; a folder of the bed's own takes its place. */
function daemonEnvironment(root, folder) {
  const plist = readFileSync(join(root, 'packaging/root/Library/LaunchDaemons/com.headroom.agent.plist'), 'utf8');
  if (!plist.includes('<key>NODE_COMPILE_CACHE</key>')) return {};
  return { NODE_COMPILE_CACHE: join(folder, 'node-cache') };
}

export async function openBed({ root, node = process.execPath, nodeOptions }) {
  const { bundleAgent } = await import('../../packaging/build/bundle.mjs');
  const { startController } = await import('../../packages/quickstart/dist/controller-process.js');
  const { ApiClient } = await import('../../packages/quickstart/dist/api-client.js');
  const { bootMac, createMac } = await import('../../packages/mac-sim/dist/index.js');
  const folder = mkdtempSync(join(tmpdir(), 'headroom-bench-'));
  const bundle = join(folder, 'agent.cjs');
  const { bytes } = await bundleAgent({ root, outfile: bundle });
  cpSync(join(root, 'apps/agent/kit'), join(folder, 'kit'), { recursive: true });

  // The controller's own trace says when a call reached it: what it says of Nudges is "stream up".
  const logFile = join(folder, 'controller.log');
  process.env.GRPC_VERBOSITY = 'DEBUG';
  process.env.GRPC_TRACE = 'server_call';
  mkdirSync(join(folder, 'controller'), { mode: 0o700 });
  const controller = await startController({ root, stateDir: join(folder, 'controller'), logFile });
  const sysroot = join(folder, 'mac');
  createMac(sysroot, { variant: 'T6020', version: '14.5', build: '23F79', id: 'bench' });
  bootMac(sysroot);
  const api = new ApiClient(controller.apiUrl, controller.adminToken);
  const { token } = await api.post('/api/v1/enrol-tokens', { labels: [], uses: 1, expiresInHours: 1 });
  const enrol = [bundle, 'enroll', '--sysroot', sysroot, '--url', controller.enrolUrl];
  await promisify(execFile)(process.execPath, enrol, { env: { HEADROOM_TOKEN: token }, timeout: 60_000 });

  const env = daemonEnvironment(root, folder);
  const agents = [];
  return {
    folder,
    bundleBytes: bytes,
    /** Starts the agent as its LaunchDaemon does: its environment and nothing else, a process group of its own. */
    startAgent() {
      const log = openSync(join(folder, 'agent.stderr.log'), 'a');
      const args = [...nodeOptions, bundle, 'run', '--sysroot', sysroot, '--log-file', join(folder, 'agent.log')];
      const agent = spawn(node, args, { env, stdio: ['ignore', 'ignore', log], detached: true });
      closeSync(log);
      agents.push(agent);
      return agent;
    },
    /** When, in ms since 1970, a call of Nudges reached the controller after `since`, which was just now; gives up after 30 s. */
    async nudgesOpenedAt(since) {
      const from = statSync(logFile).size;
      for (let tries = 0; tries < 6000; tries += 1) {
        const at = nudgeTimes(textFrom(logFile, from)).find((time) => time >= since);
        if (at !== undefined) return at;
        await sleep(5);
      }
      const said = ['agent.log', 'agent.stderr.log']
        .map((file) => join(folder, file))
        .filter((file) => existsSync(file));
      throw new Error(`no stream of nudges within 30 s:\n${said.map((file) => readFileSync(file, 'utf8')).join('')}`);
    },
    async close() {
      for (const agent of agents) if (agent.exitCode === null && agent.signalCode === null) agent.kill('SIGKILL');
      await controller.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Only what is new: reading it all again and again would take time from those that are measured. */
function textFrom(file, from) {
  const open = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(statSync(file).size - from);
    return bytes.toString('utf8', 0, readSync(open, bytes, 0, bytes.length, from));
  } finally {
    closeSync(open);
  }
}

function nudgeTimes(text) {
  const lines = text.matchAll(/(\d{4}-\d\d-\d\dT[\d:.]+Z)[^\n]*Received call to method \S*\/Nudges/g);
  return [...lines].map(([, time]) => Date.parse(time));
}
