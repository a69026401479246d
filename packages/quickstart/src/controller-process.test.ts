import { expect, it } from 'vitest';
import { lastWords } from './controller-process.ts';

const CRASH = [
  'node:internal/modules/esm/resolve:283',
  '    throw new ERR_MODULE_NOT_FOUND(',
  '          ^',
  '',
  "Error [ERR_MODULE_NOT_FOUND]: Cannot find module 'x'",
  '    at finalizeResolution (node:internal/modules/esm/resolve:283:11)',
  '',
  'Node.js v20.20.2',
];

it.each([
  ['a crash of Node', CRASH, "Error [ERR_MODULE_NOT_FOUND]: Cannot find module 'x'"],
  ['an error of ours', ['keys: made', 'headroom-controller: no room'], 'headroom-controller: no room'],
  ['anything else', ['one', 'two'], 'two'],
  ['nothing', [], 'it said nothing'],
])('%s is told by its reason', (_, lines, told) => {
  expect(lastWords(lines)).toBe(told);
});
