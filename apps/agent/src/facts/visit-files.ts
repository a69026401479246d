/** What lies in /Library/Headroom: the kit that is placed for a visit, and the receipt that the person's run left. */
import type { ReceiptFact, VisitKitFact } from '@headroom/core';
import { isPlainFile } from '../file-looks.ts';
import { readTextFile } from '../files.ts';
import { hashOrAbsent } from '../macos/bputil.ts';
import { known, type Reading, unknown } from '../macos/reading.ts';
import { resolve } from '../macos/sysroot.ts';
import type { ToolContext } from '../macos/tool.ts';
import { KIT_FOLDER } from '../paths.ts';
import { KIT_SCRIPT_NAMES } from '../steps/kit/script.ts';
import { identify } from './collection-identity.ts';
import { parseKeyValues } from './key-values.ts';

const TEXT_BYTES_MAX = 64 * 1024;

/** null = no kit is placed. A kit whose collection is gone or changed is there, but not complete. */
export async function readVisitKit({ sysroot, signal }: ToolContext): Promise<Reading<VisitKitFact | null>> {
  const at = (name: string) => resolve(sysroot, `${KIT_FOLDER}/${name}`);
  const text = await readTextFile(at('manifest'), TEXT_BYTES_MAX);
  if (text === null) return known(null);
  const values = parseKeyValues(text);
  const [visitId, quota, kcFile, kcMd5] = ['visit', 'quota', 'kc-file', 'kc-md5'].map((key) => values.get(key) ?? '');
  if (values.get('headroom-manifest') !== '1' || !visitId || !/^[0-9]{1,10}$/.test(quota ?? '') || !isFileName(kcFile))
    return unknown(`${KIT_FOLDER}/manifest is not a manifest of version 1, or lacks visit, quota or kc-file`);
  const isFile = await Promise.all([...KIT_SCRIPT_NAMES, kcFile].map((name) => isPlainFile(at(name))));
  const kc = isFile.at(-1) === true ? await identify(at(kcFile), signal) : null;
  const complete = isFile.every(Boolean) && kc?.md5 === kcMd5?.toLowerCase();
  const armed = isFile.at(0) === true || kc !== null;
  return known({ visitId, quota: Number(quota), kcSha256: kc?.sha256 ?? '', complete, armed });
}

/** null = no visit has left a receipt. */
export async function readReceipt({ sysroot }: ToolContext): Promise<Reading<ReceiptFact | null>> {
  const text = await readTextFile(resolve(sysroot, `${KIT_FOLDER}/receipt`), TEXT_BYTES_MAX);
  return text === null ? known(null) : parseReceipt(text);
}

export function parseReceipt(text: string): Reading<ReceiptFact> {
  const values = parseKeyValues(text);
  const needed = (key: string) => values.get(key)?.slice(0, 200) ?? '';
  const visitId = needed('visit');
  if (values.get('headroom-receipt') !== '1' || visitId === '' || needed('outcome') === '')
    return unknown(`${KIT_FOLDER}/receipt is not a receipt of version 1, or was cut`);
  return known({
    visitId,
    nonce: needed('nonce'),
    writtenAt: needed('at'),
    steps: stepsOf(values),
    customKernel: installedKernel(values),
    outcome: needed('outcome'),
  });
}

/**
 * The custom kernel that the visit says is its own, or that there is none. What the policy names while configure-boot failed, or
 * ended well and changed nothing (`unproven`), may be anybody's.
 */
function installedKernel(values: ReadonlyMap<string, string>): string | null {
  const found = hashOrAbsent(values.get('coih'));
  const isInstalled = ['0', 'skipped'].includes(values.get('step-configure-boot') ?? '');
  return isInstalled || found === 'absent' ? found : null;
}

/** Exit status by step; one that was skipped did not run and is left out. */
function stepsOf(values: ReadonlyMap<string, string>): Readonly<Record<string, number>> {
  const steps = [...values].flatMap(([key, value]) =>
    key.startsWith('step-') && /^[0-9]{1,3}$/.test(value) ? [[key.slice('step-'.length), Number(value)] as const] : [],
  );
  return Object.fromEntries(steps);
}

function isFileName(name: string | undefined): name is string {
  return name !== undefined && /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,120}$/.test(name);
}
