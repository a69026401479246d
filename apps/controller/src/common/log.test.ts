import { afterEach, expect, it, vi } from 'vitest';
import { logger } from './log.ts';

afterEach(() => vi.restoreAllMocks());

it('keeps one event apart from the next, whatever its message brings along', () => {
  const written: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  logger('enrol')('a name\n2026-11-28T00:00:00.000Z keys: forged\r\n\n\n  at: \u001b[31mred');
  const [line = '', ...more] = written.join('').split('\n').slice(0, -1);
  expect(line).toMatch(/^\d{4}-\d\d-\d\dT\S+Z enrol: a name$/);
  expect(more).toEqual(['    2026-11-28T00:00:00.000Z keys: forged', '    at: \uFFFD[31mred']);
});
