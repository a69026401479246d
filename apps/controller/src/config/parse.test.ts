/** Wrong options are refused by name, before anything is started. */
import { describe, expect, it } from 'vitest';
import { parseServeOptions } from './parse.ts';

describe('parseServeOptions', () => {
  it('has safe defaults: loopback, nudges on, real grants, embedded Postgres', () => {
    const { config, exitWithParent } = parseServeOptions([], {});
    expect(config).toMatchObject({
      listenHost: '127.0.0.1',
      apiHost: '127.0.0.1',
      nudges: true,
      simulation: false,
      databaseUrl: null,
      checkInMs: 60_000,
    });
    expect(exitWithParent).toBe(false);
  });

  it('lets Macs in without putting the API, which is plain HTTP, on the network', () => {
    expect(parseServeOptions(['--listen-host', '0.0.0.0'], {}).config).toMatchObject({
      listenHost: '0.0.0.0',
      apiHost: '127.0.0.1',
    });
  });

  it.each([
    [['--api-port', '70000'], /--api-port takes a whole number from 0 to 65535/],
    [['--check-in-ms', 'soon'], /--check-in-ms/],
    [['--frobnicate'], /frobnicate/],
    [['--sweep-ms', ''], /--sweep-ms/],
    [['--work-days', '29'], /--work-days takes a whole number from 30 to 36500/],
  ])('refuses %j', (args, message) => {
    expect(() => parseServeOptions(args, {})).toThrow(message);
  });

  it('takes REDIS_URL from the environment, beside DATABASE_URL only, and never says what stands in it', () => {
    const env = { DATABASE_URL: 'postgres://x', REDIS_URL: 'rediss://:secret@redis:6379' };
    expect(parseServeOptions([], env).config.redisUrl).toBe(env.REDIS_URL);
    expect(parseServeOptions([], {}).config.redisUrl).toBeNull();
    expect(() => parseServeOptions([], { REDIS_URL: env.REDIS_URL })).toThrow(
      /Set DATABASE_URL too, or remove REDIS_URL/,
    );
    const refused = () => parseServeOptions([], { ...env, REDIS_URL: 'http://:secret@redis' });
    expect(refused).toThrow(/expected redis:/);
    expect(refused).not.toThrow(/secret/);
  });

  it('lets controllers share keys, KDK images and the name that Macs dial', () => {
    const shared = [
      '--keys-dir',
      '/keys',
      '--kdk-dir',
      '/kdks',
      '--public-host',
      'mdm',
      '--agent-url',
      'https://mdm:8',
    ];
    expect(parseServeOptions(shared, {}).config).toMatchObject({
      keysDir: '/keys',
      kdkDir: '/kdks',
      agentUrl: 'https://mdm:8',
    });
    for (const url of ['http://mdm:1', 'mdm:7443', 'https://other:7443'])
      expect(() => parseServeOptions(['--public-host', 'mdm', '--agent-url', url], {})).toThrow(
        /NAME of --public-host/,
      );
  });

  it('takes the address for QR codes from the command line, else from the environment, and none that holds a password', () => {
    const env = { HEADROOM_PUBLIC_URL: 'https://headroom.example' };
    const of = (args: readonly string[], from: NodeJS.ProcessEnv) => parseServeOptions(args, from).config.publicUrl;
    expect([of([], {}), of([], env)]).toEqual([null, 'https://headroom.example']);
    expect(of(['--public-url', 'https://h.example/hosts/{id}'], env)).toBe('https://h.example/hosts/{id}');
    expect(of(['--public-url', 'own'], {})).toBe('own');
    for (const url of ['headroom.example', 'ftp://h', 'https://kim:pw@h.example/', `https://${'h'.repeat(120)}`])
      expect(() => of(['--public-url', url], {})).toThrow(/--public-url takes own, or http/);
  });

  it('takes DATABASE_URL from the environment, never from the command line', () => {
    expect(parseServeOptions([], { DATABASE_URL: 'postgres://x' }).config.databaseUrl).toBe('postgres://x');
    expect(() => parseServeOptions(['--database-url', 'postgres://x'], {})).toThrow();
  });
});
