/**
 * clear_boot_args: stores the boot arguments of before the raise again.
 * Guarantee: what is stored comes from this Mac's own memory, never from a plan; words that others stored since stay, as they do when
 * the visit kit takes back. Read back and saved; it comes into force with the next boot. Not while guests run.
 */
import { EXTRA_ARGS_ALLOWED, extraWords, type PlanStep, priorWords } from '@headroom/core';
import { AgentError, differs, Refusal } from '../agent-error.ts';
import { parseKeyValues } from '../facts/key-values.ts';
import { readTextFile } from '../files.ts';
import type { Mac } from '../mac.ts';
import { KIT_FOLDER } from '../paths.ts';
import { readBaseline } from '../state/baseline.ts';
import type { StepContext, StepHandler } from './step.ts';
import { deleteBootArgs, readStoredBootArgs, writeBootArgs } from './stored-boot-args.ts';

type Step = Extract<PlanStep, { readonly kind: 'clear_boot_args' }>;
export interface ClearedBootArgs {
  /** What is stored now; null = nothing. */
  readonly stored: string | null;
}

/** Always acts: a line that is visible may still lie in nvram's buffer, and only writing it saves it for sure. */
export const clearBootArgsStep: StepHandler<Step, ClearedBootArgs> = {
  check: async () => null,

  async act(_step, context) {
    await checkNoGuests(context);
    const line = await lineOfBefore(context.mac);
    await (line === null ? deleteBootArgs(context.mac) : writeBootArgs(context.mac, line));
  },

  async verify(_step, { mac }) {
    const [line, stored] = [await lineOfBefore(mac), await readStoredBootArgs(mac)];
    if (stored !== line)
      throw new AgentError('BOOT_ARGS_READ_BACK_DIFFERS', differs('Boot arguments', line ?? 'none', stored ?? 'none'));
    return { stored };
  },
};

/**
 * Words of before, then those that others stored since. Gives the same line again once it is stored. null = none. What was stored before
 * a raise stays whatever its key; a kit may have been placed on a Mac that was raised.
 */
async function lineOfBefore(mac: Mac): Promise<string | null> {
  const manifest = parseKeyValues((await readTextFile(mac.path(`${KIT_FOLDER}/manifest`))) ?? '');
  const baseline = await readBaseline(mac);
  const before = priorWords((baseline === null ? manifest.get('prior-boot-args') : baseline.bootArgs) ?? '');
  const raised = manifest.get('boot-args');
  const put = raised === undefined ? Object.keys(EXTRA_ARGS_ALLOWED) : extraWords(raised);
  const since = extraWords((await readStoredBootArgs(mac)) ?? '').filter((word) => !put.includes(word));
  const words = [...new Set([...before, ...since])];
  return words.length === 0 ? null : words.join(' ');
}

async function checkNoGuests({ facts }: StepContext): Promise<void> {
  const { processesAtMost } = (await facts()).guests;
  if (processesAtMost !== 0)
    throw new Refusal('PLAN_OUTDATED', differs('Running guests', '0', String(processesAtMost ?? 'unknown')));
}
