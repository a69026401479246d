/**
 * The one package that the agent ever installs: its signature, its installation, its receipt. `installer` as root checks no
 * signature, so pkgutil is asked first.
 */
import { AgentError, differs } from '../agent-error.ts';
import { type Mac, toolText } from '../mac.ts';
import { INSTALLER, INSTALLER_TIMEOUT_MS, installerArgs, parseInstaller } from '../macos/installer.ts';
import {
  appleSigned,
  kdkPackageId,
  PKGUTIL,
  parseCheckSignature,
  parsePackages,
  pkgutilCheckSignatureArgs,
  pkgutilPackagesArgs,
} from '../macos/pkgutil.ts';

const SIGNATURE_TIMEOUT_MS = 5 * 60_000;

export async function checkAppleSignature(mac: Mac, packagePath: string, signal: AbortSignal): Promise<void> {
  const args = pkgutilCheckSignatureArgs(packagePath);
  const result = await mac.run(PKGUTIL, args, { timeoutMs: SIGNATURE_TIMEOUT_MS, signal });
  signal.throwIfAborted();
  const signature = parseCheckSignature(result);
  if (!signature.ok) throw new AgentError('KDK_NOT_APPLE_SIGNED', signature.reason);
  const verdict = appleSigned(signature.value);
  if (!verdict.appleSigned) throw new AgentError('KDK_NOT_APPLE_SIGNED', verdict.reason);
  if (result.exitCode !== 0) throw new AgentError('KDK_NOT_APPLE_SIGNED', toolText(result));
}

export async function installPackage(mac: Mac, packagePath: string, signal: AbortSignal): Promise<void> {
  const result = await mac.run(INSTALLER, installerArgs(packagePath), { timeoutMs: INSTALLER_TIMEOUT_MS, signal });
  signal.throwIfAborted();
  const installed = parseInstaller(result);
  if (installed.ok) return;
  const full = /no space|not enough (free )?space/i.test(result.stdout + result.stderr);
  throw new AgentError(full ? 'DISK_FULL' : 'KDK_INSTALL_FAILED', installed.reason);
}

/** Which KDK was really installed? Names of images and packages may lie; the receipt does not. */
export async function receiptProblem(mac: Mac, build: string): Promise<AgentError | null> {
  const result = await mac.run(PKGUTIL, pkgutilPackagesArgs());
  const receipt = kdkPackageId(build);
  if (result.exitCode === 0 && parsePackages(result).includes(receipt)) return null;
  return new AgentError('KDK_WRONG_PACKAGE', differs('Receipt of the installed package', receipt, 'no such receipt'));
}
