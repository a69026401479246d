/**
 * Where things lie in a simulated Mac's directory. The directory itself is `/` of booted macOS; what only the simulator
 * knows is in `.mac-sim`, which no tool of the simulated Mac ever shows.
 */
import { join } from 'node:path';

export interface SimPaths {
  /** `/` of booted macOS. */
  readonly root: string;
  readonly sim: string;
  readonly state: string;
  readonly marker: string;
  readonly lock: string;
  /** Rendered outputs of the reading tools. */
  readonly out: string;
  readonly preboot: string;
  /** `/` of recoveryOS. */
  readonly recovery: string;
  /** Folder that holds each installed kernel object of one system manifest (`nsih`). */
  kernelCaches(vuid: string, nsih: string): string;
  /** The installed custom kernel object: `kernelcache.custom.<coih>`. */
  customKernel(vuid: string, nsih: string, coih: string): string;
}

export function simPaths(dir: string): SimPaths {
  const sim = join(dir, '.mac-sim');
  const preboot = join(sim, 'preboot');
  const kernelCaches = (vuid: string, nsih: string): string =>
    join(preboot, vuid, 'boot', nsih, 'System/Library/Caches/com.apple.kernelcaches');
  return {
    root: dir,
    sim,
    state: join(sim, 'state.json'),
    marker: join(sim, 'marker.json'),
    lock: join(sim, 'state.lock'),
    out: join(sim, 'out'),
    preboot,
    recovery: join(sim, 'recovery'),
    kernelCaches,
    customKernel: (vuid, nsih, coih) => join(kernelCaches(vuid, nsih), `kernelcache.custom.${coih}`),
  };
}
