/** Takes one KDK off the Mac: its folders and its receipts. Whose it is, is for the caller to know. */
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
import { findKdk } from './inspect.ts';

export async function removeKdk(mac: Mac, build: string): Promise<void> {
  await removeFolders(mac, build);
  await forgetReceipts(mac, build);
}

/** Several folders may bear the same build, as versions in names are sometimes wrong. */
async function removeFolders(mac: Mac, build: string): Promise<void> {
  for (let folder = await findKdk(mac, build); folder !== null; folder = await findKdk(mac, build))
    await rm(mac.path(folder), { recursive: true });
}

async function forgetReceipts(mac: Mac, build: string): Promise<void> {
  const known = parsePackages(ranToItsEnd(await mac.run(PKGUTIL, pkgutilPackagesArgs())));
  for (const id of [kdkPackageId(build), kdkSdkPackageId(build)].filter((one) => known.includes(one))) {
    const result = ranToItsEnd(await mac.run(PKGUTIL, pkgutilForgetArgs(id)));
    if (result.exitCode !== 0) throw new AgentError('COMMAND_FAILED', toolText(result));
  }
}
