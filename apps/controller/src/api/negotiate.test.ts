import { describe, expect, it } from 'vitest';
import { chooseType } from './negotiate.ts';

const HTML = 'text/html; charset=utf-8';
const TEXT = 'text/plain; charset=utf-8';

describe('chooseType', () => {
  it.each([
    [undefined, HTML],
    ['*/*', HTML],
    ['text/plain', TEXT],
    ['text/html,application/xhtml+xml,*/*;q=0.8', HTML],
    ['text/html;q=0.2, text/*;q=0.9', TEXT],
    ['text/plain;q=0, */*', HTML],
    ['application/json', HTML],
    ['text/plain;q=x', HTML],
  ])('%s -> %s', (accept, type) => {
    expect(chooseType([HTML, TEXT], accept)).toBe(type);
  });
});
