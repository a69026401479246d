/** Installer receipts in /var/db/receipts: a property list per package, and beside it the list of its files (`.bom` on a real Mac). */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../files.ts';
import { dict, plist } from '../render/plist.ts';
import { plistString, readPlist } from './read-plist.ts';

export interface Receipt {
  readonly packageId: string;
  readonly version: string;
  /** Below `/`, without it in front. */
  readonly location: string;
  /** ISO time. */
  readonly installedAt: string;
  /** Below `location`. */
  readonly files: readonly string[];
}

const FOLDER = 'var/db/receipts';
/** Also keeps an id from naming a file elsewhere. */
const PACKAGE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$/;

function pathsOf(root: string, packageId: string): { info: string; files: string } {
  return { info: join(root, FOLDER, `${packageId}.plist`), files: join(root, FOLDER, `${packageId}.files`) };
}

export function writeReceipt(root: string, receipt: Receipt): void {
  if (!PACKAGE_ID.test(receipt.packageId)) throw new TypeError(`package id ${receipt.packageId} cannot be a file name`);
  const paths = pathsOf(root, receipt.packageId);
  writeFileAtomic(paths.files, receipt.files.map((file) => `${file}\n`).join(''));
  const info = dict({
    InstallDate: receipt.installedAt,
    InstallPrefixPath: receipt.location,
    InstallProcessName: 'installer',
    PackageIdentifier: receipt.packageId,
    PackageVersion: receipt.version,
  });
  writeFileAtomic(paths.info, plist(info));
}

export function receiptIds(root: string): string[] {
  const folder = join(root, FOLDER);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.plist'))
    .map((name) => name.slice(0, -'.plist'.length))
    .sort();
}

export function readReceipt(root: string, packageId: string): Receipt | null {
  if (!PACKAGE_ID.test(packageId)) return null;
  const paths = pathsOf(root, packageId);
  if (!existsSync(paths.info)) return null;
  const info = readPlist(readFileSync(paths.info, 'utf8'));
  return {
    packageId,
    version: plistString(info, 'PackageVersion') ?? '0',
    location: plistString(info, 'InstallPrefixPath') ?? '',
    installedAt: plistString(info, 'InstallDate') ?? '',
    files: existsSync(paths.files) ? readFileSync(paths.files, 'utf8').split('\n').filter(Boolean) : [],
  };
}

/** false when there was none. */
export function forgetReceipt(root: string, packageId: string): boolean {
  if (readReceipt(root, packageId) === null) return false;
  const paths = pathsOf(root, packageId);
  rmSync(paths.info);
  rmSync(paths.files, { force: true });
  return true;
}
