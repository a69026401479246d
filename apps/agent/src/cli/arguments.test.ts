import { describe, expect, it } from 'vitest';
import { milliseconds, readCommandLine } from './arguments.ts';

describe('the command line', () => {
  it('reads a command with its options, for this Mac unless told otherwise', () => {
    expect(readCommandLine(['run', '--exit-with-parent'])).toMatchObject({
      command: 'run',
      options: { sysroot: '/', 'exit-with-parent': true },
    });
  });

  it.each([
    [[], /Which command/],
    [['dance'], /Unknown command: dance/],
    [['run', 'now'], /run takes no "now"/],
    [['facts', '--plan', 'x'], /facts does not take --plan/],
    [['run', '--shell', 'x'], /--shell/],
  ])('refuses %j', (args, reason) => {
    expect(() => readCommandLine(args)).toThrow(reason);
  });

  it('takes whole milliseconds within bounds', () => {
    expect(milliseconds('check-in-ms', '250')).toBe(250);
    for (const text of ['0', '1e3', '-5', 'soon', '99999999999'])
      expect(() => milliseconds('check-in-ms', text)).toThrow(/--check-in-ms: expected milliseconds/);
  });
});
