/** Wrong options are refused by name, before anything is started. */
import { describe, expect, it } from 'vitest';
import { parseServeOptions } from './parse.ts';

describe('parseServeOptions', () => {
  it('has safe defaults: loopback, nudges on, real grants, embedded Postgres', () => {
    const { config, exitWithParent } = parseServeOptions([], {});
    expect(config).toMatchObject({
      listenHost: '127.0.0.1',
      nudges: true,
      simulation: false,
      databaseUrl: null,
      checkInMs: 60_000,
    });
    expect(exitWithParent).toBe(false);
  });

  it.each([
    [['--api-port', '70000'], /--api-port takes a whole number from 0 to 65535/],
    [['--check-in-ms', 'soon'], /--check-in-ms/],
    [['--frobnicate'], /frobnicate/],
    [['--sweep-ms', ''], /--sweep-ms/],
  ])('refuses %j', (args, message) => {
    expect(() => parseServeOptions(args, {})).toThrow(message);
  });

  it('takes DATABASE_URL from the environment, never from the command line', () => {
    expect(parseServeOptions([], { DATABASE_URL: 'postgres://x' }).config.databaseUrl).toBe('postgres://x');
    expect(() => parseServeOptions(['--database-url', 'postgres://x'], {})).toThrow();
  });
});
