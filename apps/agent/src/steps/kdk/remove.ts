/**
 * Takes one KDK off the Mac: its receipts and its folders. Whose it is, is for the caller to know.
 * Guarantee: the folders go last, so that a removal that broke off is still seen by the facts, and is made again.
 */
import { rm } from 'node:fs/promises';
import { AgentError } from '../../agent-error.ts';
import { type Mac, ranToItsEnd, toolText } from '../../mac.ts';
import {
  kdkPackageId,
  kdkSdkPackageId,
  PKGUTIL,
  parsePackages,
  pkgutilForgetArgs,
  pkgutilPackagesArgs,
} from '../../macos/pkgutil.ts';
import { kdksOf } from './inspect.ts';

export async function removeKdk(mac: Mac, build: string): Promise<void> {
  await forgetReceipts(mac, build);
  await removeFolders(mac, build);
}

/** Several folders may bear the same build, as versions in names are sometimes wrong. */
async function removeFolders(mac: Mac, build: string): Promise<void> {
  for (const folder of await kdksOf(mac, build)) await rm(mac.path(folder), { recursive: true });
}

async function forgetReceipts(mac: Mac, build: string): Promise<void> {
  const listed = ranToItsEnd(await mac.run(PKGUTIL, pkgutilPackagesArgs()));
  if (listed.exitCode !== 0) throw new AgentError('COMMAND_FAILED', toolText(listed));
  const known = parsePackages(listed);
  for (const id of [kdkPackageId(build), kdkSdkPackageId(build)].filter((one) => known.includes(one))) {
    const result = ranToItsEnd(await mac.run(PKGUTIL, pkgutilForgetArgs(id)));
    if (result.exitCode !== 0) throw new AgentError('COMMAND_FAILED', toolText(result));
  }
}
