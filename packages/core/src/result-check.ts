/**
 * Checks of what finished steps say, as far as evaluation and visits rest on it: null, or one sentence about what is wrong. Written
 * by the Mac that did the step, so nothing of it is believed unread. Additional fields are tolerated.
 */
import { type Check, fields, listOf, matching, optional, text } from './shape.ts';

const sha256 = matching(/^[0-9a-f]{64}$/i, '64 hex digits');
const md5 = matching(/^[0-9a-f]{32}$/i, '32 hex digits');
const timeText = matching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/, 'a time in UTC');
const time: Check = (value, path) =>
  timeText(value, path) ?? (Number.isNaN(Date.parse(String(value))) ? `${path}: expected a time, seen ${value}` : null);

const kit = fields({ kcMd5: md5, kcSha256: sha256, expiresAt: time, neededArgs: optional(listOf(text)) });
const kc = fields({ path: text, build: text, variant: text, sha256, md5, uuid: text });

/** Of a step that says that it was done; null also for kinds whose result nothing rests on. */
export function stepResultProblem(kind: string, result: unknown): string | null {
  if (kind === 'place_kit') return kitResultProblem(result);
  return kind === 'build_kc' ? kcResultProblem(result) : null;
}

/** Of `place_kit`. */
export function kitResultProblem(result: unknown): string | null {
  return kit(result, 'result');
}

/** Of `build_kc`. */
export function kcResultProblem(result: unknown): string | null {
  return kc(result, 'result');
}
