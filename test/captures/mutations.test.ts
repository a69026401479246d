/**
 * Mutated captures through every parser: no crash, no hang, and never a value of another type. HEADROOM_FUZZ_RUNS makes it
 * longer (`npm run fuzz`); the normal run is small.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { readFileset } from '../../apps/agent/src/macho/fileset.ts';
import { parseBputil } from '../../apps/agent/src/macos/bputil.ts';
import { parseNvram } from '../../apps/agent/src/macos/nvram.ts';
import { parseUname } from '../../apps/agent/src/macos/uname.ts';
import { buildBundleFile, buildKernelCollection, buildKernelFile } from '../../packages/mac-sim/src/kernel/index.ts';
import { readCaptures } from './capture.ts';
import { mutations } from './mutations.ts';
import { PARSERS } from './parsers.ts';

const RUNS = Number(process.env['HEADROOM_FUZZ_RUNS'] ?? 300);
const PARSE_MS_MAX = 250;
const FLOODS = ['\n', '\r', ' ', '.', 'a', 'a.', '{\n'];
const FLOOD_MICROSECONDS_MAX = 300_000;
const TEST_MS_MAX = 60_000 + RUNS * 20;
const captures = readCaptures();
const anyCapture = fc.constantFrom(...captures);

/** What a parsed value may be made of. */
function isPlain(value: unknown, depth = 0): boolean {
  if (value === undefined || typeof value === 'function' || typeof value === 'symbol' || depth > 80) return false;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || value instanceof Date) return true;
  return Object.values(value).every((part) => isPlain(part, depth + 1));
}

describe('mutated captures', () => {
  it(
    'give a value of the right type or a reason, in time, from every parser',
    () => {
      fc.assert(
        fc.property(anyCapture, mutations, ({ output }, mutate) => {
          const mutated = { ...output, stdout: mutate(output.stdout), stderr: mutate(output.stderr) };
          for (const [name, parse] of Object.entries(PARSERS)) {
            const began = performance.now();
            const reading = parse(mutated);
            const took = performance.now() - began;
            if (took > PARSE_MS_MAX) throw new Error(`${name} took ${took} ms`);
            if (reading.ok ? !isPlain(reading.value) : reading.reason === '')
              throw new Error(`${name}: ${JSON.stringify(reading)}`);
          }
        }),
        { numRuns: RUNS },
      );
    },
    TEST_MS_MAX,
  );

  it(
    'never turn a boot policy into a value that bputil cannot mean',
    () => {
      const policies = captures.filter(({ file }) => file.startsWith('bputil/d-'));
      fc.assert(
        fc.property(fc.constantFrom(...policies), mutations, ({ output }, mutate) => {
          const reading = parseBputil({ ...output, stdout: mutate(output.stdout) }, null);
          if (!reading.ok) return;
          const { customKernel, sip0, securityMode } = reading.value;
          expect(customKernel ?? 'absent').toMatch(/^(absent|[0-9A-F]{96})$/);
          expect(sip0 ?? 'absent').toMatch(/^(absent|[0-9a-f]{1,8})$/);
          expect([null, 'full', 'reduced', 'permissive']).toContain(securityMode);
        }),
        { numRuns: RUNS },
      );
    },
    TEST_MS_MAX,
  );

  it('keep no parser when they are a flood of one thing', () => {
    const slow: string[] = [];
    for (const [name, parse] of Object.entries(PARSERS))
      for (const drop of FLOODS) {
        const began = process.cpuUsage();
        parse({ exitCode: 0, stdout: drop.repeat(20_000), stderr: '' });
        if (process.cpuUsage(began).user > FLOOD_MICROSECONDS_MAX) slow.push(`${name} ${JSON.stringify(drop)}`);
      }
    expect(slow).toEqual([]);
  });

  it('never turn noise around a text into another value', () => {
    const noise = fc.array(fc.constantFrom('', 'warning: something', '\t', 'banner line'), { maxLength: 4 });
    fc.assert(
      fc.property(noise, fc.boolean(), (before, crlf) => {
        const around = (text: string) => [...before, text].join(crlf ? '\r\n' : '\n');
        const uname = parseUname({
          stdout: around('Darwin Kernel Version 23.5.0: x; root:xnu-1~2/RELEASE_ARM64_T6020'),
        });
        expect(uname.ok && uname.value.variant).toBe('T6020');
        const nvram = parseNvram({ exitCode: 0, stdout: around('boot-args\t-v'), stderr: '' }, 'boot-args');
        expect(nvram).toEqual({ ok: true, value: { present: true, value: '-v' } });
      }),
      { numRuns: 50 },
    );
  });
});

describe('mutated kernel collections', () => {
  const folder = mkdtempSync(join(tmpdir(), 'headroom-fuzz-'));
  const file = join(folder, 'mutated.kc');
  afterAll(() => rmSync(folder, { recursive: true }));
  const versionText =
    'Darwin Kernel Version 23.5.0: Wed May  1 20:12:39 PDT 2024; root:xnu_development-1.2~3/DEVELOPMENT_ARM64_T6020';
  const system = { osVersion: '14.5', build: '23F79' };
  const whole = buildKernelCollection({
    kernelFile: buildKernelFile({ versionText, codeSizeBytes: 4096, ...system }),
    bundles: ['com.apple.a', 'com.apple.b'].map((id) => ({
      id,
      version: '1',
      binary: buildBundleFile({ id, version: '1', ...system }),
    })),
    build: '23F79',
  });

  it('are read whole when nothing is changed', async () => {
    writeFileSync(file, whole.bytes);
    expect(await readFileset(file)).toMatchObject({
      ok: true,
      value: { uuid: whole.uuid, bundles: 2, arm64e: true, kernelVersionText: versionText },
    });
  });

  it(
    'give an identity of the right form or a reason, in bounded time',
    async () => {
      const change = fc.record({
        at: fc.oneof(fc.nat({ max: 1024 }), fc.nat({ max: whole.bytes.length - 1 })),
        value: fc.constantFrom(0, 1, 0x7f, 0xff),
        repeat: fc.integer({ min: 1, max: 8 }),
      });
      const changes = fc.array(change, { minLength: 1, maxLength: 6 });
      await fc.assert(
        fc.asyncProperty(changes, fc.option(fc.nat({ max: whole.bytes.length })), async (all, cutAt) => {
          const bytes = Buffer.from(whole.bytes);
          for (const { at, value, repeat } of all) bytes.fill(value, at, Math.min(bytes.length, at + repeat));
          writeFileSync(file, cutAt === null ? bytes : bytes.subarray(0, cutAt));
          const began = process.cpuUsage();
          const reading = await readFileset(file);
          const { user, system } = process.cpuUsage(began);
          expect(user + system, 'microseconds of CPU').toBeLessThan(2_000_000);
          if (reading.ok) expect(reading.value.uuid).toMatch(/^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/);
          else expect(reading.reason).not.toBe('');
        }),
        { numRuns: Math.max(60, RUNS / 5) },
      );
      expect(readFileSync(file).length).toBeLessThanOrEqual(whole.bytes.length);
    },
    TEST_MS_MAX,
  );
});
