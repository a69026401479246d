/** What is fuzzed: each target makes its input number N from a seed, hands it to parsers, and says what was wrong. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { parseReceipt } from '../../apps/agent/src/facts/visit-files.ts';
import { readFileset, readKernelFile } from '../../apps/agent/src/macho/fileset.ts';
import { kmutilCreateFailure } from '../../apps/agent/src/macos/kmutil-create.ts';
import { parseAcl } from '../../apps/agent/src/macos/ls.ts';
import {
  parseOutsidePackages,
  parsePackageInfo,
  parsePackages,
  parsePayloadKernels,
} from '../../apps/agent/src/macos/pkgutil.ts';
import { type PlistDict, parsePlistDict } from '../../apps/agent/src/macos/plist.ts';
import { parseGuestProcesses } from '../../apps/agent/src/macos/ps.ts';
import { known, type Reading } from '../../apps/agent/src/macos/reading.ts';
import { recoveryAdminsIn } from '../../apps/agent/src/macos/recovery-admins.ts';
import { parseBootTime } from '../../apps/agent/src/macos/sysctl.ts';
import type { Output } from '../../apps/agent/src/macos/tool.ts';
import { enforcedIn, settingsIn } from '../../apps/agent/src/macos/update-declarations.ts';
import { buildBundleFile, buildKernelCollection, buildKernelFile } from '../../packages/mac-sim/src/kernel/index.ts';
import { readCaptures } from '../../test/captures/capture.ts';
import { mutations } from '../../test/captures/mutations.ts';
import { PARSERS } from '../../test/captures/parsers.ts';
import { factsTarget } from './facts-target.ts';
import { type Random, randomFrom } from './random.ts';
import { wrongType } from './shape.ts';
import { SHAPES } from './shapes.ts';

export interface Target {
  readonly name: string;
  /** Longest time that one parser may take on one input. */
  readonly limitMs: number;
  readonly inputsPerBatch: number;
  inputs(batch: number): readonly Uint8Array[];
  readonly parsers: readonly Parser[];
  /** Throws when what it is meant to find would not be found. */
  prove?(): Promise<void>;
}

export interface Parser {
  readonly name: string;
  /** Null when all is well, else what is wrong; what it throws is a crash. */
  check(input: Uint8Array): string | null | Promise<string | null>;
}

const TEXT_PARSERS: Readonly<Record<string, (output: Output) => Reading<unknown>>> = {
  ...PARSERS,
  acl: parseAcl,
  bootTime: ({ stdout }) => parseBootTime(stdout),
  createFailure: (output) => known(kmutilCreateFailure(endedWith(output))),
  enforced: inPlist(enforcedIn),
  guestProcesses: parseGuestProcesses,
  outsidePackages: ({ stdout }) => parseOutsidePackages(stdout),
  packageInfo: ({ stdout }) => parsePackageInfo(stdout),
  packages: (output) => known(parsePackages(output)),
  payloadKernels: (output) => known(parsePayloadKernels(output)),
  receipt: ({ stdout }) => parseReceipt(stdout),
  recoveryAdmins: inPlist(recoveryAdminsIn),
  settings: inPlist(settingsIn),
};

function inPlist(read: (dict: PlistDict) => Reading<unknown>): (output: Output) => Reading<unknown> {
  return ({ stdout }) => {
    const dict = parsePlistDict(stdout);
    return dict.ok ? read(dict.value) : dict;
  };
}

function endedWith(output: Output): Parameters<typeof kmutilCreateFailure>[0] {
  const calm = { signal: null, missing: false, timedOut: false, aborted: false, outputCut: false, startError: null };
  return { command: 'kmutil', ...calm, ...output };
}

export function targets(seed: number, folder: string): readonly Target[] {
  const captures = readCaptures().map(({ output }) => output);
  const parsers = Object.entries(TEXT_PARSERS).map(([name, parse]) => textParser(name, parse, captures));
  const plists = captures.map(({ stdout }) => stdout).filter((text) => text.includes('<plist'));
  const collection = smallCollection();
  const file = join(folder, 'input.kc');
  return [
    {
      name: 'captures',
      limitMs: 250,
      inputsPerBatch: 200,
      inputs: (batch) => mutatedCaptures(seed, batch, captures),
      parsers,
    },
    {
      name: 'plists',
      limitMs: 250,
      inputsPerBatch: 200,
      inputs: (batch) => many(seed, batch, (random) => Buffer.from(brokenPlist(random, plists))),
      parsers,
    },
    {
      name: 'mach-o',
      limitMs: 2000,
      inputsPerBatch: 200,
      inputs: (batch) => many(seed, batch, (random) => brokenBytes(random, collection)),
      parsers: [machOParser('readFileset', file, readFileset), machOParser('readKernelFile', file, readKernelFile)],
    },
    factsTarget(seed),
  ];
}

/** Both streams travel in one input: a 0x1E byte stands between them, as no tool prints one. */
const BETWEEN = '\x1e';

/** A capture that does not fit what is declared is a wrong declaration: said at once, as nothing that follows would count. */
function textParser(name: string, parse: (output: Output) => Reading<unknown>, captures: readonly Output[]): Parser {
  for (const capture of captures) {
    const wrong = wrongReading(name, parse(capture));
    if (wrong !== null) throw new Error(`${name}, unchanged capture: ${wrong}`);
  }
  return { name, check: (input) => wrongReading(name, parse(outputOf(input))) };
}

let decoded: { readonly input: Uint8Array; readonly output: Output } | null = null;

/** Decoded once for all parsers of an input. Now and then the tool "failed": its exit status proves nothing either way. */
function outputOf(input: Uint8Array): Output {
  if (decoded?.input !== input) {
    const [stdout = '', stderr = ''] = Buffer.from(input).toString('utf8').split(BETWEEN);
    decoded = { input, output: { exitCode: input.length % 8 === 0 ? 1 : 0, stdout, stderr } };
  }
  return decoded.output;
}

const UUID = /^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/;

function machOParser(
  name: string,
  file: string,
  read: (path: string) => Promise<Reading<{ uuid: string | null }>>,
): Parser {
  return {
    name,
    async check(input) {
      writeFileSync(file, input);
      const reading = await read(file);
      if (reading.ok && reading.value.uuid !== null && !UUID.test(reading.value.uuid))
        return `uuid is ${reading.value.uuid}`;
      return wrongReading(name, reading);
    },
  };
}

function wrongReading(name: string, reading: Reading<unknown>): string | null {
  const shape = SHAPES[name];
  if (shape === undefined) throw new Error(`${name} has no declared shape`);
  if (reading.ok) return wrongType(shape, reading.value);
  return typeof reading.reason === 'string' && reading.reason !== '' ? null : 'a refusal without a reason';
}

function mutatedCaptures(seed: number, batch: number, captures: readonly Output[]): readonly Uint8Array[] {
  const pairs = fc.tuple(fc.constantFrom(...captures), mutations);
  const numRuns = 200;
  return fc
    .sample(pairs, { seed: seed + batch, numRuns })
    .map(([{ stdout, stderr }, mutate]) => Buffer.from([mutate(stdout), mutate(stderr)].join(BETWEEN)));
}

function many(seed: number, batch: number, make: (random: Random) => Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: 200 }, (_, index) => make(randomFrom(seed, batch * 200 + index)));
}

const TAGS = ['dict', 'array', 'key', 'string', 'integer', 'real', 'data', 'date', 'true/', 'false/', 'plist'];
const SCALARS = [
  '-0',
  '0x',
  '99999999999999999999999',
  '1e400',
  '&#0;',
  '&#x110000;',
  '&lt',
  '&x;',
  '<![CDATA[',
  '<!--',
  ']]>',
  '2026-99-99T',
  'AA=',
  '\u0000',
  '\ud800',
];

/** A plist of a capture with tags and values changed, dropped, doubled, nested deeply or taken from another one. */
function brokenPlist(random: Random, plists: readonly string[]): string {
  let text = random.pick(plists);
  for (let step = random.below(5); step >= 0; step -= 1) {
    const tags = [...text.matchAll(/<\/?[a-z]+\/?>/g)];
    const tag = tags[random.below(tags.length)];
    const from = tag?.index ?? random.below(text.length + 1);
    const to = from + (tag?.[0].length ?? 0);
    const other = random.pick(plists);
    const cut = random.below(other.length);
    const instead = random.pick([
      () => '',
      () => `<${random.pick(['', '/'])}${random.pick(TAGS)}>`,
      () => `${tag?.[0] ?? ''}${random.pick(SCALARS)}`,
      () => `<${random.pick(TAGS)}>`.repeat(1 + random.below(100)),
      () => other.slice(cut, cut + random.below(400)),
      () => `${tag?.[0] ?? ''}${text.slice(from, from + random.below(2000))}`,
    ])();
    text = text.slice(0, from) + instead + text.slice(random.below(8) === 0 ? to + random.below(300) : to);
  }
  return text;
}

const WORDS = [
  0, 1, 2, 7, 8, 0xc, 0x19, 0x1b, 0x7f, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0x80000035, 0xfffffff8, 0xffffffff,
  0xfeedfacf, 0xbebafeca,
];

/** Bytes and words changed, most of them in the headers; sometimes cut, or a piece of it moved over another. */
function brokenBytes(random: Random, whole: Buffer): Buffer {
  const bytes = Buffer.from(whole);
  for (let step = random.below(6); step >= 0; step -= 1) {
    const at = random.below(3) > 0 ? random.below(1024) : random.below(bytes.length - 8);
    const way = random.below(4);
    if (way === 0) bytes[at] = random.below(256);
    else if (way === 1) bytes.writeUInt32LE(random.pick(WORDS), at & ~3);
    else if (way === 2) bytes.writeBigUInt64LE(BigInt(random.pick(WORDS)) << BigInt(random.below(32)), at & ~7);
    else bytes.copy(bytes, at, random.below(bytes.length), bytes.length);
  }
  return random.below(10) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes;
}

function smallCollection(): Buffer {
  const system = { osVersion: '14.5', build: '23F79' };
  const versionText =
    'Darwin Kernel Version 23.5.0: Wed May  1 20:12:39 PDT 2024; root:xnu_development-1.2~3/DEVELOPMENT_ARM64_T6020';
  const bundles = ['com.apple.a', 'com.apple.b'].map((id) => ({
    id,
    version: '1',
    binary: buildBundleFile({ id, version: '1', ...system }),
  }));
  const kernelFile = buildKernelFile({ versionText, codeSizeBytes: 4096, ...system });
  return buildKernelCollection({ kernelFile, bundles, build: system.build }).bytes;
}
