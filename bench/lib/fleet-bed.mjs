// A controller process with embedded Postgres in a temporary folder, a fleet of synthetic Macs in this process, and what a phase
// costs the server: CPU time of the controller and of Postgres apart. Linux only.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { importSource } from '../../scripts/import-source.mjs';
import { cpuMs, relatives } from './process-use.mjs';

/** So long that a job held on purpose stays leased. */
const LEASE_TTL_MS = 600_000;

export async function openFleetBed({ root, deadline }) {
  const { startController } = await import('../../packages/quickstart/dist/controller-process.js');
  const { ApiClient } = await import('../../packages/quickstart/dist/api-client.js');
  const { SyntheticFleet } = await importSource(root, 'test/support/synthetic-fleet.ts');
  const { applyQuota, provideKdk } = await importSource(root, 'test/support/fleet-of-agents.ts');
  const folder = mkdtempSync(join(tmpdir(), 'headroom-fleet-'));
  const stateDir = join(folder, 'controller');
  mkdirSync(stateDir, { mode: 0o700 });
  const logFile = join(folder, 'controller.log');
  const extraArgs = ['--lease-ttl-ms', String(LEASE_TTL_MS)];
  const controller = await startController({ root, stateDir, logFile, extraArgs });
  const client = new ApiClient(controller.apiUrl, controller.adminToken);
  const api = { call: (method, path, ...rest) => client[method.toLowerCase()](path, ...rest) };
  const postmaster = Number(readFileSync(join(stateDir, 'postgres/postmaster.pid'), 'utf8').split('\n')[0]);
  await provideKdk(api);

  const outOfTime = async () => {
    await sleep(Math.max(deadline - performance.now(), 0), undefined, { ref: false });
    throw new Error(`out of time; the controller's log:\n${lastOf(logFile)}`);
  };
  const bed = {
    api,
    fleet: null,
    apply: (label, quota, strategy) => applyQuota(api, label, quota, strategy),
    /** Macs that have enrolled, opened a session and listen to nudges. */
    async join(count, label) {
      bed.fleet = await SyntheticFleet.enrol(api, controller.enrolUrl, count, label);
      bed.fleet.start();
      await bed.until(50, () => bed.fleet.agents.every(({ connectedTo }) => connectedTo !== null));
    },
    /** Does `work` and says what it took: time, and the server's CPU time for each Mac. */
    async phase(count, work) {
      const from = { at: performance.now(), ...serverCpuMs(controller.child.pid, postmaster) };
      const result = await Promise.race([work(), outOfTime()]);
      const to = { at: performance.now(), ...serverCpuMs(controller.child.pid, postmaster) };
      const perHost = (key) => Number(((to[key] - from[key]) / count).toFixed(2));
      return {
        seconds: Number(((to.at - from.at) / 1000).toFixed(2)),
        controllerCpuMsPerHost: perHost('controller'),
        postgresCpuMsPerHost: perHost('postgres'),
        ...(result !== undefined && { result }),
      };
    },
    async until(everyMs, holds) {
      while (!(await holds())) {
        if (performance.now() > deadline) await outOfTime();
        await sleep(everyMs);
      }
    },
    async close() {
      await bed.fleet?.stop();
      await controller.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return bed;
}

/** Postgres = its postmaster, its living processes and those that have ended. */
function serverCpuMs(controllerPid, postmasterPid) {
  const { own, children } = cpuMs(postmasterPid);
  const living = relatives(postmasterPid).reduce((sum, pid) => sum + cpuMs(pid).own, 0);
  return { controller: cpuMs(controllerPid).own, postgres: own + children + living };
}

function lastOf(logFile) {
  return readFileSync(logFile, 'utf8').split('\n').slice(-20).join('\n');
}
