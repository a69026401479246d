import {
  isTimeZone,
  type RolloutStrategy,
  STUCK_AFTER_DEFAULT,
  SUCCESS_KINDS,
  WEEKDAYS,
  WINDOW_MINUTES_MIN,
  windowMinutes,
} from '@headroom/core';
import { z } from 'zod';
import { invalid } from '../common/field-errors.ts';
import { labelText } from './selector.ts';

const RINGS_MAX = 20;
/** Together a ring ends one way or the other: at nine tenths it has succeeded, at one tenth of failures it halts. */
const SUCCESS_PERCENT_DEFAULT = 90;
const ERROR_PERCENT_DEFAULT = 10;
const MINUTES_MAX = 60 * 24 * 60;

const limit = z.number().int().min(1).max(100_000).nullable().default(null);
const minutes = z.number().int().min(1).max(MINUTES_MAX);
const time = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time as HH:MM');

const threshold = z
  .strictObject({
    count: z.number().int().min(0).max(100_000).nullable().default(null),
    percent: z.number().min(0).max(100).nullable().default(null),
  })
  .describe('Macs, or percent of the ring; of both, whichever is reached first.');

const take = z.union([
  z.strictObject({ kind: z.literal('percent'), percent: z.number().min(0).max(100) }),
  z.strictObject({ kind: z.literal('label'), label: labelText }),
  z.strictObject({ kind: z.literal('hosts'), hostIds: z.array(z.uuid().toLowerCase()).min(1).max(1000) }),
  z.strictObject({ kind: z.literal('rest') }),
]);

const ring = z.strictObject({
  name: z.string().trim().min(1).max(60),
  take: take.describe('`percent` counts from the start: 5, 25, 100. A Mac is always early, or always late.'),
  successAt: threshold.default({ count: null, percent: SUCCESS_PERCENT_DEFAULT }),
  errorAt: threshold.nullable().default({ count: null, percent: ERROR_PERCENT_DEFAULT }),
  soakMinutes: z.number().int().min(0).max(MINUTES_MAX).default(0),
  gate: z.enum(['automatic', 'manual']).default('automatic').describe('manual = a person opens this ring.'),
});

const windowInput = z.strictObject({
  timeZone: z.string().max(60).refine(isTimeZone, 'an IANA time zone such as Europe/Berlin'),
  days: z.array(z.enum(WEEKDAYS)).min(1).describe('Days on which it begins.'),
  from: time,
  to: time.describe('Before `from` = on the next day.'),
});

export const strategyInput = z.strictObject({
  rings: z
    .array(ring)
    .min(1)
    .max(RINGS_MAX)
    .describe('A Mac belongs to the first ring that takes it, else to the last.'),
  success: z
    .enum(SUCCESS_KINDS)
    .default('raised')
    .describe(
      'prepared = a person can go; raised = proven; witnessed = and three macOS guests were seen alive at once: a build and variant never witnessed here then starts with one Mac.',
    ),
  window: windowInput.nullable().default(null),
  concurrency: z
    .strictObject({
      total: limit,
      perSite: limit.describe('Macs in one location, as their place says it; those without one count together.'),
      perKdk: limit.describe('Macs that fetch the same KDK.'),
    })
    .default({ total: null, perSite: null, perKdk: null }),
  stuckAfter: z
    .strictObject({ workMinutes: minutes.nullable(), visitMinutes: minutes.nullable() })
    .default({ ...STUCK_AFTER_DEFAULT }),
  lateJoiners: z.enum(['leave', 'last_ring']).default('leave'),
});

/** What a schema can't say. */
export function checkStrategy(strategy: RolloutStrategy | null): RolloutStrategy | null {
  if (strategy === null) return null;
  const { window, rings } = strategy;
  if (window !== null && windowMinutes(window) < WINDOW_MINUTES_MIN)
    throw invalid([{ path: 'body.strategy.window', message: `is shorter than ${WINDOW_MINUTES_MIN} minutes` }]);
  const twice = rings.find(({ name }, index) => rings.findIndex((one) => one.name === name) !== index);
  if (twice !== undefined)
    throw invalid([{ path: 'body.strategy.rings', message: `two rings are named ${JSON.stringify(twice.name)}` }]);
  return strategy;
}
