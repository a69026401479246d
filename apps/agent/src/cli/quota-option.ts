/** --quota: which quota a Mac is judged and prepared for. */
import { parseQuota, QUOTA_RAISED_MIN } from '@headroom/core';
import { UsageError } from './usage.ts';

/** Any quota above stock needs the same of a Mac. */
export const QUOTA_TO_JUDGE = 255;

export function quotaOption(text: string | undefined): number {
  if (text === undefined) return QUOTA_TO_JUDGE;
  const parsed = parseQuota(text);
  if (parsed.ok && parsed.quota >= QUOTA_RAISED_MIN) return parsed.quota;
  throw new UsageError(`--quota: expected ${QUOTA_RAISED_MIN} or more, seen ${JSON.stringify(text)}`);
}
