/** What lies in /Library/Headroom: the kit that is placed for a visit, and the receipt that the person's run left. */
import { BREAK_GLASS_FILE, type ReceiptFact, type VisitKitFact } from '@headroom/core';
import { isPlainFile } from '../file-looks.ts';
import { readTextFile } from '../files.ts';
import { hashOrAbsent } from '../macos/bputil.ts';
import { known, type Reading, unknown } from '../macos/reading.ts';
import { resolve } from '../macos/sysroot.ts';
import type { ToolContext } from '../macos/tool.ts';
import { KIT_FOLDER } from '../paths.ts';
import { KIT_KC, KIT_MANIFEST } from '../steps/kit/manifest.ts';
import { KIT_SCRIPT_NAMES } from '../steps/kit/script.ts';
import { identify } from './collection-identity.ts';
import { parseKeyValues } from './key-values.ts';

const TEXT_BYTES_MAX = 64 * 1024;

/** What a kit is made of, in the order in which it is placed. */
const KIT_FILES = [BREAK_GLASS_FILE, ...KIT_SCRIPT_NAMES, KIT_KC, KIT_MANIFEST];

/**
 * null = nothing of a kit lies there. One of which anything is gone, cut or changed is there, and not complete: with what its manifest
 * still says, empty or 0 where that says nothing.
 */
export async function readVisitKit({ sysroot, signal }: ToolContext): Promise<Reading<VisitKitFact | null>> {
  const at = (name: string) => resolve(sysroot, `${KIT_FOLDER}/${name}`);
  const isFile = await Promise.all(KIT_FILES.map((name) => isPlainFile(at(name))));
  const there = KIT_FILES.filter((_name, index) => isFile[index]);
  if (there.length === 0) return known(null);
  const manifest = (await readTextFile(at(KIT_MANIFEST), TEXT_BYTES_MAX)) ?? '';
  const values = parseKeyValues(manifest);
  const kc = there.includes(KIT_KC) ? await identify(at(KIT_KC), signal) : null;
  const isKc = kc !== null && values.get('kc-file') === KIT_KC && kc.md5 === values.get('kc-md5')?.toLowerCase();
  const isWhole = there.length === KIT_FILES.length && isWholeManifest(manifest) && (await isOneScript(at));
  return known({
    visitId: values.get('visit') ?? '',
    quota: quotaOf(values),
    kcSha256: kc?.sha256 ?? '',
    complete: isKc && isWhole,
    armed: there.includes('raise') || kc !== null,
  });
}

function quotaOf(values: ReadonlyMap<string, string>): number {
  const quota = values.get('quota') ?? '';
  return /^[0-9]{1,10}$/.test(quota) ? Number(quota) : 0;
}

/** A manifest is written at once, in the order of its keys: one that was cut lacks its end. */
function isWholeManifest(text: string): boolean {
  const values = parseKeyValues(text);
  const says = (key: string) => (values.get(key) ?? '') !== '';
  const isNamed = values.get('headroom-manifest') === '1' && says('visit') && quotaOf(values) > 0;
  return isNamed && says('agent-version') && text.endsWith('\n');
}

/** The same under each of its names, and not an empty one: then none of them was cut or changed. */
async function isOneScript(at: (name: string) => string): Promise<boolean> {
  const texts = await Promise.all(KIT_SCRIPT_NAMES.map((name) => readTextFile(at(name))));
  return texts[0] !== '' && texts.every((text) => text === texts[0]);
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
