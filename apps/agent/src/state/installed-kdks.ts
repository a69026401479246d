/**
 * Which KDKs Headroom installed, by build. Guarantee: only those are ever removed; what somebody else put there stays, and so does
 * one whose note is damaged.
 */
import { rm } from 'node:fs/promises';
import { readJsonObject, writeJsonAtomic } from '../files.ts';
import type { Mac } from '../mac.ts';
import { INSTALLED_KDKS_FILE } from '../paths.ts';
import { openHome } from './identity.ts';

const BUILD = /^[0-9]{2}[A-Z][0-9]{1,8}[a-z]?$/;

export function installedKdks(mac: Mac): Promise<readonly string[]> {
  return installedKdksAt(mac.path(INSTALLED_KDKS_FILE));
}

/** The same by the file's own path, for facts. */
export async function installedKdksAt(path: string): Promise<readonly string[]> {
  const value = await readJsonObject(path).catch(() => null);
  const builds = value?.['builds'];
  if (!Array.isArray(builds)) return [];
  return builds.filter((build): build is string => typeof build === 'string' && BUILD.test(build));
}

export async function noteInstalledKdk(mac: Mac, build: string): Promise<void> {
  const builds = await installedKdks(mac);
  if (builds.includes(build)) return;
  await openHome(mac);
  await writeJsonAtomic(mac.path(INSTALLED_KDKS_FILE), { builds: [...builds, build] });
}

export async function forgetInstalledKdk(mac: Mac, build: string): Promise<void> {
  const builds = (await installedKdks(mac)).filter((known) => known !== build);
  if (builds.length === 0) await forgetInstalledKdks(mac);
  else await writeJsonAtomic(mac.path(INSTALLED_KDKS_FILE), { builds });
}

export async function forgetInstalledKdks(mac: Mac): Promise<void> {
  await rm(mac.path(INSTALLED_KDKS_FILE), { force: true });
}
