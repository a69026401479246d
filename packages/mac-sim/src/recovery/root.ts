/**
 * The root of recoveryOS: only the tools that it has, and the mounted volumes. Made when a session begins and removed when
 * it ends, so a tool that recoveryOS lacks cannot be found by accident.
 */
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { simPaths } from '../paths.ts';
import type { SimState } from '../state.ts';
import { findOnHost, type RecoveryShell } from './shell.ts';
import { toolListFor } from './tool-lists.ts';
import { TOOLS } from './tools/index.ts';
import { mountData, mountedVolumes } from './volumes.ts';

const FOLDERS = ['usr/bin', 'usr/sbin', 'bin', 'sbin'] as const;
const TOOL_ENTRY = fileURLToPath(new URL('../../dist/tools/recovery.js', import.meta.url));
const STARTUP_ENTRY = fileURLToPath(new URL('./startup.js', import.meta.url));

export function recoveryPath(dir: string): string {
  return FOLDERS.map((folder) => join(simPaths(dir).recovery, folder)).join(':');
}

/** `lacking`: names of tools that this release of recoveryOS does not have. */
export function makeRecoveryRoot(
  dir: string,
  state: SimState,
  shell: RecoveryShell,
  lacking: readonly string[] = [],
): void {
  removeRecoveryRoot(dir);
  const { recovery } = simPaths(dir);
  for (const folder of FOLDERS) mkdirSync(join(recovery, folder), { recursive: true });
  symlinkSync(shell.program, join(recovery, 'bin/sh'));
  for (const [name, { folder }] of Object.entries(TOOLS))
    if (!lacking.includes(name)) writeLauncher(join(recovery, folder, name), dir, name);
  const { tools } = toolListFor(state.os.version);
  // Tools without a Mac's own behaviour: the host's do.
  for (const name of [...tools, ...shell.lacks].filter((tool) => !lacking.includes(tool))) {
    const path = findOnHost(name);
    // The Data volume is a folder of the host, so there is nothing of its own to flush.
    if (name === 'sync') writeScript(join(recovery, 'bin/sync'), ':');
    else if (path !== null) symlinkSync(path, join(recovery, 'usr/bin', name));
  }
  mountVolumes(dir, state);
}

export function removeRecoveryRoot(dir: string): void {
  rmSync(simPaths(dir).recovery, { recursive: true, force: true });
}

/** The shell of the session; on a Mac with a Recovery Lock what comes before it is passed first. */
export function sessionShell(dir: string, state: SimState, shell: RecoveryShell): RecoveryShell {
  if (state.recoveryLock === undefined) return shell;
  const program = join(simPaths(dir).recovery, 'startup');
  const startup = [process.execPath, STARTUP_ENTRY, dir].map(quoted).join(' ');
  writeScript(program, `${startup} || exit\nexec ${[shell.program, ...shell.args].map(quoted).join(' ')}`);
  return { ...shell, program, args: [] };
}

function mountVolumes(dir: string, state: SimState): void {
  const { system, data } = mountedVolumes(dir, state);
  mkdirSync(system.mountPoint, { recursive: true });
  symlinkSync(join(dir, 'System'), join(system.mountPoint, 'System'));
  const { faults } = state.behaviour;
  if (faults?.dataSeenThroughSystem) symlinkSync(join(dir, 'Library'), join(system.mountPoint, 'Library'));
  for (const { name, folder } of state.volumes.others ?? [])
    symlinkSync(folder, join(dirname(system.mountPoint), name));
  if (!faults?.dataNotMounted) mountData(dir, data);
}

function writeLauncher(path: string, dir: string, name: string): void {
  writeScript(path, `exec ${[process.execPath, TOOL_ENTRY, dir, name].map(quoted).join(' ')} "$@"`);
}

function writeScript(path: string, line: string): void {
  writeFileSync(path, `#!/bin/sh\n${line}\n`);
  chmodSync(path, 0o755);
}

export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
