/** Words for expectation tables. */
import { expect } from 'vitest';
import type { Expectation } from './capture.ts';
import { acceptedBy } from './parsers.ts';

export const value = (expected: unknown): unknown => ({ ok: true, value: expected });
export const unknownBecause = (words: string): unknown => ({ ok: false, reason: expect.stringContaining(words) });

/** No parser may take this text for an answer. */
export const nobodys: Expectation = { read: ({ output }) => acceptedBy(output), says: [] };
