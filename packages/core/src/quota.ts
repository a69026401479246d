/**
 * Quota values: how many macOS guests may be alive at once on one host.
 * People read and write decimal; the Mac gets hex (`0xFF`). 2 is what every Mac allows by itself and is called `stock`.
 */

/** What every Mac allows without Headroom. */
export const QUOTA_STOCK = 2;
/** Smallest value that raises anything. */
export const QUOTA_RAISED_MIN = 3;
/** The kernel keeps a signed 32-bit counter; from 0x80000000 on it would go negative and allow no guest at all. */
export const QUOTA_MAX = 0x7fffffff;

export type QuotaParse =
  | { readonly ok: true; readonly quota: number }
  | { readonly ok: false; readonly reason: string };

const DECIMAL = /^(0|[1-9][0-9]*)$/;
const SHOWN_CHARS_MAX = 40;
const HEX = /^0[xX][0-9a-fA-F]+$/;

/**
 * Reads a quota as a person writes it: `stock`, `2`, `255`, `0xFF`, or a JSON number.
 * Forms that the kernel would read differently from a person (`010` is octal there, `1k` is 1024) are refused with the reason.
 */
export function parseQuota(input: string | number): QuotaParse {
  if (typeof input === 'number') return checkRange(input, String(input));
  const text = input.trim();
  if (text.toLowerCase() === 'stock') return { ok: true, quota: QUOTA_STOCK };
  if (HEX.test(text)) return checkRange(Number.parseInt(text.slice(2), 16), shorten(text));
  if (DECIMAL.test(text)) return checkRange(Number(text), shorten(text));
  return { ok: false, reason: notANumberReason(text) };
}

/** What a caller sent may be a megabyte long; an answer repeats its start only. */
function shorten(text: string): string {
  return text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}...` : text;
}

function notANumberReason(text: string): string {
  const shown = JSON.stringify(shorten(text));
  if (text === '') return 'A quota is needed: "stock", or a number of guests from 3 to 2147483647.';
  if (/^0[0-9]+$/.test(text))
    return `${shown} has a leading 0, which the kernel reads as octal. Write it without the 0, or as hex (0x...).`;
  if (/^[0-9]+[kKmMgG]$/.test(text))
    return `${shown} has a suffix, which the kernel reads as a multiplier. Write the whole number.`;
  if (/^-/.test(text)) return `${shown} is negative. A quota is "stock", or a number of guests from 3 to 2147483647.`;
  return `${shown} is not a quota. Write "stock", a decimal number (255) or hex (0xFF).`;
}

function checkRange(value: number, shown: string): QuotaParse {
  if (value > QUOTA_MAX)
    return {
      ok: false,
      reason: `${shown} is above 0x7FFFFFFF; the kernel would read it as negative and allow no guest.`,
    };
  if (!Number.isInteger(value)) return { ok: false, reason: `${shown} is not a whole number.` };
  if (value === QUOTA_STOCK) return { ok: true, quota: QUOTA_STOCK };
  if (value < QUOTA_RAISED_MIN)
    return { ok: false, reason: `${shown} is below what every Mac allows by itself (2). Use "stock" or 3 and above.` };
  return { ok: true, quota: value };
}

/** The form written to the Mac: `0xFF`, upper-case digits, no padding. */
export function quotaToHex(quota: number): string {
  return `0x${quota.toString(16).toUpperCase()}`;
}
