/**
 * Boot arguments: one line of at most 1,024 bytes for the whole machine, read by the kernel; the first of two equal keys wins.
 * The allow-list is compiled in: a policy chooses from it, and nobody can add to it from outside.
 */
import { QUOTA_STOCK, quotaToHex } from './quota.ts';

export const BOOT_ARGS_BYTES_MAX = 1024;
export const QUOTA_ARG = 'hv_apple_isa_vm_quota';
export const HYPERVISOR_ARG = 'hypervisor';
/** In front of its name nvram of recoveryOS may store the line where the bare name is refused. */
export const BOOT_NAMESPACE = '40A0DDD2-77F8-4392-B4A3-1E7304206516';

/** Exact words that a policy may add to the quota's own arguments, with the reason each exists. */
export const EXTRA_ARGS_ALLOWED: Readonly<Record<string, string>> = {
  '-v': 'Shows kernel messages while starting.',
  '-unsafe_kernel_text': 'Cures the amcc_rorgn panic of 14.x development kernels on T6000.',
};

/** A number other than 0 as the kernel reads one: hex, decimal, or octal after a leading 0. */
const NOT_ZERO = /^(0[xX]0*[1-9a-fA-F][0-9a-fA-F]*|[1-9][0-9]*|0+[1-7][0-7]*)$/;

const ZERO = /^0([xX]0+|0*)$/;

/** Keys that Headroom sets itself. */
const OWN_KEYS = ['kcsuffix', HYPERVISOR_ARG, QUOTA_ARG] as const;

/** Arguments that block a raise until the admin removes them: they weaken far more than a guest quota needs. */
const FORBIDDEN = [/^amfi/, /^cs_/, /^debug$/, /^kdp/, /^rd$/, /^root$/];

export interface BootArg {
  /** Text before `=`, or the whole word of a flag. */
  readonly key: string;
  /** Text after the first `=`; null for a flag such as `-v`. */
  readonly value: string | null;
  /** As written. */
  readonly word: string;
}

/** Splits a boot-args line into words as the kernel does: at blanks and tabs. */
export function parseBootArgs(line: string): readonly BootArg[] {
  return line
    .split(/[ \t]+/)
    .filter((word) => word !== '')
    .map((word) => {
      const key = bootArgKey(word);
      return { key, value: key === word ? null : word.slice(key.length + 1), word };
    });
}

/** Text before the first `=`, or the whole word. */
export function bootArgKey(word: string): string {
  const at = word.indexOf('=');
  return at < 0 ? word : word.slice(0, at);
}

/** The quota that a line asks for: null when it has none, NaN when its value can't be read as the kernel would. First key wins. */
export function quotaInBootArgs(line: string): number | null {
  const arg = parseBootArgs(line).find(({ key }) => key === QUOTA_ARG);
  if (arg === undefined) return null;
  const value = arg.value ?? '';
  if (/^0[xX][0-9a-fA-F]+$/.test(value)) return Number.parseInt(value.slice(2), 16);
  if (/^(0|[1-9][0-9]*)$/.test(value)) return Number(value);
  return Number.NaN;
}

/**
 * Is `hypervisor` given with a value other than 0? Without it a development kernel ignores the quota. null = the word stands there in
 * a form that is not told for sure: the kernel takes a bare word for 1, and reads suffixes that people do not.
 */
export function hypervisorInBootArgs(line: string): boolean | null {
  const arg = parseBootArgs(line).find(({ key }) => key === HYPERVISOR_ARG);
  if (arg === undefined) return false;
  if (NOT_ZERO.test(arg.value ?? '')) return true;
  return ZERO.test(arg.value ?? '') ? false : null;
}

/** The words that Headroom itself needs for this quota. `kcsuffix` is set for tools that look for it and is never evidence. */
export function quotaWords(quota: number): readonly string[] {
  if (quota === QUOTA_STOCK) return [];
  return ['kcsuffix=development', `${HYPERVISOR_ARG}=0x1`, `${QUOTA_ARG}=${quotaToHex(quota)}`];
}

export type MergeResult =
  | { readonly ok: true; readonly line: string }
  | {
      readonly ok: false;
      readonly code: 'BOOT_ARGS_FORBIDDEN' | 'BOOT_ARGS_FOREIGN' | 'BOOT_ARGS_NOT_ALLOWED' | 'BOOT_ARGS_TOO_LONG';
      readonly words: readonly string[];
    };

export interface MergeInput {
  /** What is stored now; null when nothing is. */
  readonly stored: string | null;
  readonly quota: number;
  /** Extra words of the policy; each must be in EXTRA_ARGS_ALLOWED or named by the exception (`granted`). */
  readonly extra: readonly string[];
  /** Foreign stored words that the exception names, and which therefore may stay. */
  readonly granted: readonly string[];
}

/**
 * The line to store for this quota. Foreign words stay when the exception names them and block otherwise; forbidden ones
 * always block, also when the policy asks for them or the exception names them. Nothing is deleted silently: two words
 * of one key block as well, as only one of them could stay. Each key stands once. Merging its own answer again gives the same line.
 */
export function mergeBootArgs({ stored, quota, extra, granted }: MergeInput): MergeResult {
  const foreign = parseBootArgs(stored ?? '').filter(({ key, word }) => !isOwnKey(key) && !extra.includes(word));
  const words = unique([...quotaWords(quota), ...extra, ...foreign.map(({ word }) => word)]);
  const forbidden = words.filter((word) => isForbiddenArg(bootArgKey(word)));
  if (forbidden.length > 0) return { ok: false, code: 'BOOT_ARGS_FORBIDDEN', words: forbidden };
  const notAllowed = extra.filter((word) => !isAllowedExtra(word, granted));
  if (notAllowed.length > 0) return { ok: false, code: 'BOOT_ARGS_NOT_ALLOWED', words: notAllowed };
  const notGranted = foreign.filter(({ word }) => !granted.includes(word)).map(({ word }) => word);
  if (notGranted.length > 0) return { ok: false, code: 'BOOT_ARGS_FOREIGN', words: notGranted };
  const clashing = clashes([...extra, ...foreign.map(({ word }) => word)]);
  if (clashing.length > 0) return { ok: false, code: 'BOOT_ARGS_FOREIGN', words: clashing };
  const line = words.join(' ');
  if (utf8Bytes(line) > BOOT_ARGS_BYTES_MAX) return { ok: false, code: 'BOOT_ARGS_TOO_LONG', words };
  return { ok: true, line };
}

/** One word without blanks, on the allow-list or named by the exception, and not a key that Headroom sets itself. */
function isAllowedExtra(word: string, granted: readonly string[]): boolean {
  const named = Object.hasOwn(EXTRA_ARGS_ALLOWED, word) || granted.includes(word);
  return named && word !== '' && !/\s/.test(word) && !isOwnKey(bootArgKey(word));
}

export function isForbiddenArg(key: string): boolean {
  return FORBIDDEN.some((pattern) => pattern.test(key));
}

function isOwnKey(key: string): boolean {
  return (OWN_KEYS as readonly string[]).includes(key);
}

/** Words of a line that are not Headroom's own: what a grant must name. */
export function extraWords(line: string): readonly string[] {
  return parseBootArgs(line)
    .filter(({ key }) => !isOwnKey(key))
    .map(({ word }) => word);
}

/**
 * Words of the line that was stored before a raise, to store again. A line with a quota is that of a raise itself, found where nobody
 * had looked before, so that the words of our keys in it are no one's but a raise's.
 */
export function priorWords(line: string): readonly string[] {
  return quotaInBootArgs(line) === null ? parseBootArgs(line).map(({ word }) => word) : extraWords(line);
}

/** Different words that share a key. */
function clashes(words: readonly string[]): readonly string[] {
  const different = [...new Set(words)];
  return different.filter((word) =>
    different.some((other) => other !== word && bootArgKey(other) === bootArgKey(word)),
  );
}

/** Keeps the first word of each key, as the kernel would. */
function unique(words: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return words.filter((word) => {
    const key = bootArgKey(word);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function utf8Bytes(text: string): number {
  return [...text].reduce((sum, char) => sum + utf8BytesOf(char.codePointAt(0) ?? 0), 0);
}

function utf8BytesOf(codePoint: number): number {
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  return codePoint < 0x10000 ? 3 : 4;
}
