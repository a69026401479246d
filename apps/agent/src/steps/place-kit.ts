/**
 * place_kit: lays the visit kit ready for a person: the break-glass page, the constant script under its names, this Mac's kernel
 * collection and the manifest.
 * Guarantee: the page comes first, before anything can be changed; the manifest comes last and is whole, so that a kit with a
 * manifest is complete; every file is read back; the script is byte for byte that of this agent's version under each name, so
 * that one md5 tells all that a person may run.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BREAK_GLASS_FILE, type GrantPayload, type KcResult, type PlanStep } from '@headroom/core';
import { AgentError, differs, Refusal } from '../agent-error.ts';
import { identify } from '../facts/collection-identity.ts';
import { isPlainFile } from '../file-looks.ts';
import { copyFileAtomic, digestFile, readTextFile, syncFolder, writeFileAtomic } from '../files.ts';
import { KIT_FOLDER } from '../paths.ts';
import { readBaseline } from '../state/baseline.ts';
import { builtCollection, collectionPath } from './kc/collection.ts';
import { breakGlassText } from './kit/break-glass.ts';
import { checkKitFolder, openKitFolder } from './kit/folder.ts';
import { KIT_KC, KIT_MANIFEST, manifestText } from './kit/manifest.ts';
import { KIT_SCRIPT_NAMES, kitScript } from './kit/script.ts';
import type { StepContext, StepHandler } from './step.ts';
import { checkIsThisMac } from './this-mac.ts';

type Step = Extract<PlanStep, { readonly kind: 'place_kit' }>;
export interface KitResult {
  readonly visitId: string;
  readonly path: string;
  readonly kcMd5: string;
  readonly kcSha256: string;
  /** Of the script, the same under each of its names: what a person compares before typing the line. */
  readonly scriptMd5: string;
  readonly expiresAt: string;
  /** Words without which its kernel does not start, as its manifest names them. */
  readonly neededArgs: readonly string[];
}

export const placeKitStep: StepHandler<Step, KitResult> = {
  async check(step, context) {
    await checkIsThisMac(step, context);
    await openKitFolder(context.mac);
    return (await kitProblem(step, context)) === null ? resultOf(step, context) : null;
  },

  async act(step, context) {
    const { mac, kitSource } = context;
    const folder = await openKitFolder(mac);
    const manifest = await wantedManifest(step, context);
    await rm(join(folder, KIT_MANIFEST), { force: true });
    await syncFolder(folder);
    await writeFileAtomic(join(folder, BREAK_GLASS_FILE), breakGlassText(await context.facts()), 0o644);
    context.progress('copying script and kernel collection');
    for (const name of KIT_SCRIPT_NAMES) await copyFileAtomic(kitScript(kitSource), join(folder, name), 0o755);
    await copyFileAtomic(mac.path(collectionPath(step)), join(folder, KIT_KC), 0o644);
    await writeFileAtomic(join(folder, KIT_MANIFEST), manifest, 0o644);
  },

  async verify(step, context) {
    await checkKitFolder(context.mac);
    const problem = await kitProblem(step, context);
    if (problem !== null) throw new AgentError('KIT_PLACE_FAILED', problem);
    return resultOf(step, context);
  },
};

/** What of the kit is not as it should be; null when all of it is. */
async function kitProblem(step: Step, context: StepContext): Promise<string | null> {
  const { mac, kitSource } = context;
  const file = (name: string): string => mac.path(`${KIT_FOLDER}/${name}`);
  const manifest = await wantedManifest(step, context);
  if ((await readTextFile(file(KIT_MANIFEST))) !== manifest)
    return `${KIT_FOLDER}/${KIT_MANIFEST} is not the one of this visit.`;
  if (!(await isPlainFile(file(BREAK_GLASS_FILE)))) return `${KIT_FOLDER}/${BREAK_GLASS_FILE} is not a plain file.`;
  if ((await readTextFile(file(BREAK_GLASS_FILE))) !== breakGlassText(await context.facts()))
    return `${KIT_FOLDER}/${BREAK_GLASS_FILE} is not the page of this Mac.`;
  const script = await readTextFile(kitScript(kitSource));
  for (const name of KIT_SCRIPT_NAMES) {
    if (!(await isPlainFile(file(name)))) return `${KIT_FOLDER}/${name} is not a plain file.`;
    if ((await readTextFile(file(name))) !== script) return `${KIT_FOLDER}/${name} is not the one of this agent.`;
  }
  if (!(await isPlainFile(file(KIT_KC)))) return `${KIT_FOLDER}/${KIT_KC} is not a plain file.`;
  const kc = await collectionOf(step, context);
  const { sha256 } = await identify(file(KIT_KC), context.signal);
  return sha256 === kc.sha256 ? null : differs(`sha256 of ${KIT_FOLDER}/${KIT_KC}`, kc.sha256, sha256);
}

async function wantedManifest(step: Step, context: StepContext): Promise<string> {
  const kc = await collectionOf(step, context);
  const [facts, baseline] = [await context.facts(), await readBaseline(context.mac)];
  return manifestText({ step, facts, grant: grantOf(context), kc, baseline });
}

async function collectionOf(step: Step, { mac, signal }: StepContext): Promise<KcResult> {
  const kc = await builtCollection(mac, step, signal);
  // Gone since the plan was made: trying the same step again would not bring it back, the next plan builds it.
  if (kc instanceof AgentError) throw new Refusal('PLAN_OUTDATED', `No usable kernel collection: ${kc.message}`);
  return kc;
}

async function resultOf(step: Step, context: StepContext): Promise<KitResult> {
  const kc = await collectionOf(step, context);
  const { expiresAt } = grantOf(context);
  const { md5: scriptMd5 } = await digestFile(kitScript(context.kitSource), context.signal);
  const { visitId, neededArgs = [] } = step;
  return { visitId, path: KIT_FOLDER, kcMd5: kc.md5, kcSha256: kc.sha256, scriptMd5, expiresAt, neededArgs };
}

function grantOf({ grant }: StepContext): GrantPayload {
  if (grant === null) throw new Refusal('GRANT_MISSING', 'A visit kit is placed under a grant only.');
  return grant;
}
