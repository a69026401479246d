/**
 * Reads a plan as it came: every field is checked by hand before anything uses it, because what a field holds later becomes a
 * file name or an argument of a tool. Guarantee: builds, variants and ids have the shape that they have on a Mac.
 */
import {
  BOOT_ARGS_BYTES_MAX,
  COUNTER_MAX,
  type Plan,
  type PlanStep,
  parseBootArgs,
  parseQuota,
  type SignedGrant,
} from '@headroom/core';
import { Refusal } from '../agent-error.ts';
import { isObject } from '../files.ts';

export const PLAN_BYTES_MAX = 1024 * 1024;
const STEPS_MAX = 50;

const BUILD = /^[0-9]{2}[A-Z][0-9]{1,8}[a-z]?$/;
const VARIANT = /^[A-Z][A-Z0-9]{1,15}$/;
const VERSION = /^[0-9]{1,3}(\.[0-9]{1,3}){0,3}$/;
const SHA256 = /^[0-9a-f]{64}$/;
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$/;
const BUNDLE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;
const UUID = /^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/;
const CUSTOM_KERNEL = /^[0-9A-F]{96}$/;
const PRINTABLE = /^[\x20-\x7e]*$/;

type Raw = Record<string, unknown>;

/** A step whose kind this agent does not know is kept as it is: the kind decides what is told. */
export type UnknownStep = { readonly kind: string; readonly unknown: true };
export type ReadPlan = Omit<Plan, 'steps'> & { readonly steps: readonly (PlanStep | UnknownStep)[] };

export function parsePlan(text: string): ReadPlan {
  if (Buffer.byteLength(text) > PLAN_BYTES_MAX) throw unreadable('the plan', `at most ${PLAN_BYTES_MAX} bytes`);
  const plan = parseJson(text);
  if (plan['schemaVersion'] !== 1) throw unreadable('schemaVersion', '1');
  const steps = plan['steps'];
  if (!Array.isArray(steps) || steps.length === 0 || steps.length > STEPS_MAX)
    throw unreadable('steps', `1 to ${STEPS_MAX} steps`);
  return {
    schemaVersion: 1,
    planId: matching(plan, 'planId', ID),
    fleetId: matching(plan, 'fleetId', ID),
    hostId: matching(plan, 'hostId', ID),
    hostUuid: matching(plan, 'hostUuid', ID),
    generation: generation(plan),
    intentNumber: count(plan, 'intentNumber'),
    quota: quota(plan),
    steps: steps.map(parseStep),
    grant: parseGrant(plan['grant']),
  };
}

function parseStep(step: unknown): PlanStep | UnknownStep {
  if (!isObject(step)) throw unreadable('a step', 'an object');
  const kind = text(step, 'kind', 80);
  switch (kind) {
    case 'collect_facts':
      return { kind };
    case 'clear_boot_args':
      return { kind };
    case 'disarm_kit':
      return { kind };
    case 'remove_kit':
      return { kind };
    case 'remove_kc':
      return { kind };
    case 'remove_kdk':
      return { kind };
    case 'install_kdk':
      return { kind, variant: matching(step, 'variant', VARIANT), kdk: parseKdk(step['kdk']) };
    case 'build_kc':
      return { kind, ...target(step), dropBundles: bundleIds(step['dropBundles']) };
    case 'place_kit':
      return placeKit(step);
    case 'set_boot_args':
      return { kind, ...lowering(step) };
    default:
      return { kind, unknown: true };
  }
}

function target(step: Raw) {
  return { build: matching(step, 'build', BUILD), variant: matching(step, 'variant', VARIANT) };
}

function lowering(step: Raw) {
  const bootArgs = text(step, 'bootArgs', BOOT_ARGS_BYTES_MAX);
  if (!PRINTABLE.test(bootArgs)) throw unreadable('bootArgs', 'printable ASCII');
  return { quota: quota(step), bootArgs };
}

function placeKit(step: Raw) {
  const asked = lowering(step);
  const visitId = matching(step, 'visitId', ID);
  return { kind: 'place_kit' as const, ...target(step), ...asked, visitId, ...needed(step, asked), ...proven(step) };
}

/** Part of the line, which is what the grant is held to. Older controllers say nothing of them. */
function needed({ neededArgs }: Raw, { bootArgs }: { readonly bootArgs: string }) {
  if (neededArgs === undefined) return {};
  const words = parseBootArgs(bootArgs).map(({ word }) => word);
  if (!Array.isArray(neededArgs) || !neededArgs.every((word) => words.includes(word)))
    throw unreadable('neededArgs', 'words of bootArgs');
  return { neededArgs: neededArgs as readonly string[] };
}

/** Older controllers say nothing of it. */
function proven({ provenObject }: Raw) {
  if (provenObject === undefined) return {};
  if (!isObject(provenObject)) throw unreadable('provenObject', 'an object');
  const kcUuid = matching(provenObject, 'kcUuid', UUID);
  return { provenObject: { kcUuid, customKernel: matching(provenObject, 'customKernel', CUSTOM_KERNEL) } };
}

function parseKdk(kdk: unknown) {
  if (!isObject(kdk)) throw unreadable('kdk', 'an object');
  return {
    build: matching(kdk, 'build', BUILD),
    version: matching(kdk, 'version', VERSION),
    sha256: matching(kdk, 'sha256', SHA256),
    sizeBytes: count(kdk, 'sizeBytes'),
    fileName: text(kdk, 'fileName', 255),
  };
}

function parseGrant(grant: unknown): SignedGrant | null {
  if (grant === null || grant === undefined) return null;
  if (!isObject(grant)) throw unreadable('grant', 'an object or null');
  return {
    payload: text(grant, 'payload', PLAN_BYTES_MAX),
    signature: text(grant, 'signature', 512),
    keyId: text(grant, 'keyId', 200),
  };
}

function bundleIds(value: unknown): readonly string[] {
  if (
    !Array.isArray(value) ||
    value.length > 1000 ||
    !value.every((id) => typeof id === 'string' && BUNDLE_ID.test(id))
  )
    throw unreadable('dropBundles', 'a list of bundle ids');
  return value;
}

function quota(object: Raw): number {
  const value = object['quota'];
  const parsed = typeof value === 'number' ? parseQuota(value) : { ok: false as const, reason: 'not a number' };
  if (!parsed.ok) throw unreadable('quota', `a quota (${parsed.reason})`);
  return parsed.quota;
}

/** One beyond what counting reaches would keep every later plan from being newer. */
function generation(plan: Raw): number {
  const value = count(plan, 'generation');
  if (value > COUNTER_MAX) throw unreadable('generation', `${COUNTER_MAX} or less`);
  return value;
}

function count(object: Raw, key: string): number {
  const value = object[key];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw unreadable(key, 'a whole number');
  return value;
}

function matching(object: Raw, key: string, pattern: RegExp): string {
  const value = object[key];
  if (typeof value !== 'string' || !pattern.test(value))
    throw unreadable(key, `text like ${pattern.source}`, JSON.stringify(value)?.slice(0, 80));
  return value;
}

function text(object: Raw, key: string, lengthMax: number): string {
  const value = object[key];
  if (typeof value !== 'string' || value.length > lengthMax) throw unreadable(key, `text of at most ${lengthMax}`);
  return value;
}

function parseJson(source: string): Raw {
  try {
    const value: unknown = JSON.parse(source);
    if (isObject(value)) return value;
  } catch {
    // Told below, with all else that is not a plan.
  }
  throw unreadable('the plan', 'a JSON object');
}

function unreadable(what: string, expected: string, seen = 'something else'): Refusal {
  return new Refusal('PLAN_UNREADABLE', `Plan, ${what}: expected ${expected}, seen ${seen}.`);
}
