/**
 * The facts as a whole from mutated outputs of all tools at once and mutated files: they fit the JSON Schema, each null has its
 * reason, and a Mac is raised by the controller's own rules only where a tool that ran to its end said so, piece by piece.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Evaluation, evaluate, type Facts, factsFromUnknown, type KcResult } from '@headroom/core';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { collectFacts } from '../../apps/agent/src/facts/index.ts';
import { RAISED_RECORD, sampleInput } from '../../packages/core/testing/sample-host.ts';
import { buildBundleFile, buildKernelCollection, buildKernelFile } from '../../packages/mac-sim/src/kernel/index.ts';
import { readCaptures } from '../../test/captures/capture.ts';
import { unexplained } from '../../test/captures/nulls.ts';
import { GROUP } from '../../test/captures/stub/stub-mac.ts';
import { playTools } from './played-child.ts';
import { BUILD, type Ending, LACKING, PlayedMac, QUOTA, type World } from './played-mac.ts';
import type { Target } from './targets.ts';
import { type Spoilt, WORLDS_PER_BATCH, worldsOf } from './worlds.ts';

const SCHEMA = new URL('../../packages/core/schema/facts.schema.json', import.meta.url);
const VERSION_TEXT =
  'Darwin Kernel Version 24.1.0: Thu Oct 10 21:26:49 PDT 2024; root:xnu_development-11215.41.3~2/DEVELOPMENT_ARM64_T6020';

export interface FactsTarget extends Target {
  /** Throws unless the Mac is raised as it is, and is not without any one piece: else nothing that follows would count. */
  prove(): Promise<void>;
  remove(): void;
}

export function factsTarget(seed: number): FactsTarget {
  const { bytes, uuid } = collection();
  const md5 = createHash('md5').update(bytes).digest('hex');
  const mac = new PlayedMac(uuid, bytes, md5);
  const captures = readCaptures();
  const fits = new Ajv2020({ strict: false }).compile(JSON.parse(readFileSync(SCHEMA, 'utf8')));
  const kc = { ...(RAISED_RECORD.kc as KcResult), uuid, build: BUILD };
  const judged = (facts: Facts): Evaluation => evaluate(sampleInput({ facts, record: { ...RAISED_RECORD, kc } }));
  const factsIn = async (world: World): Promise<Facts> => {
    mac.place(world);
    playTools((file, args) => {
      const name = mac.nameOf(file, args);
      return world.calls[name] ?? mac.calls.get(name) ?? { startError: 'ENOENT' };
    });
    return collectFacts({ sysroot: mac.sysroot, ordinal: () => 7 });
  };
  const wrongIn = async ({ lacks, world }: Spoilt): Promise<string | null> => {
    const facts = await factsIn(world);
    if (!fits(facts)) return `does not fit the schema: ${JSON.stringify(fits.errors?.[0])}`;
    const checked = factsFromUnknown(JSON.parse(JSON.stringify(facts)));
    if (!checked.ok) return `a controller would refuse it: ${checked.problem}`;
    const [silent] = unexplained(facts);
    if (silent !== undefined) return silent;
    if (judged(facts).state !== 'raised') return null;
    const missing = piecesNotSaid((call) => saidBy(world.calls[call] ?? mac.calls.get(call)), uuid);
    return missing.length === 0 ? null : `raised (in truth without ${lacks}), and nothing said ${missing.join(', ')}`;
  };
  return {
    name: 'facts',
    limitMs: 2000,
    inputsPerBatch: WORLDS_PER_BATCH,
    inputs: (batch) => worldsOf(mac, captures, seed, batch).map((spoilt) => Buffer.from(JSON.stringify(spoilt))),
    parsers: [{ name: 'collectFacts', check: (input) => wrongIn(JSON.parse(Buffer.from(input).toString('utf8'))) }],
    async prove() {
      for (const [lacks, calls] of Object.entries(LACKING)) {
        const { state, findings } = judged(await factsIn({ calls: calls((call) => mac.text(call)), files: {} }));
        if ((state === 'raised') !== (lacks === 'nothing'))
          throw new Error(`a Mac that lacks ${lacks} is ${state}: ${findings.map(({ code }) => code).join(' ')}`);
      }
    },
    remove: () => mac.remove(),
  };
}

/** What a tool that ran to its end printed, on either stream. */
function saidBy(ending: Ending | undefined): string {
  if (ending === undefined || 'startError' in ending || ending.cause !== null || ending.signal !== null) return '';
  return `${ending.stdout}\n${ending.stderr}`;
}

/** Pieces of the evidence that no tool has said: looked for in the raw text, by other means than the parsers'. */
function piecesNotSaid(said: (call: string) => string, uuid: string): readonly string[] {
  const sysctl = said('/usr/sbin/sysctl');
  const bputil = said(`/usr/bin/bputil -d -v ${GROUP}`);
  const policy = `${bputil}\n${said('/usr/sbin/system_profiler SPiBridgeDataType -json')}`;
  const system = `${said('/usr/bin/sw_vers')}\n${sysctl}`;
  const pieces: Readonly<Record<string, boolean>> = {
    'the LC_UUID of the collection': new RegExp(uuid, 'i').test(sysctl),
    'a development kernel': /development/i.test(`${sysctl}\n${said('/usr/bin/uname -v')}`),
    'the quota': new RegExp(`quota=(0x0*${QUOTA.toString(16)}|${QUOTA})(?![0-9a-z])`, 'i').test(sysctl),
    'the hypervisor argument': /hypervisor=/.test(sysctl),
    'a custom kernel': /[0-9a-f]{96}/i.test(bputil),
    'filtering off': /sip3\W+(1|true)|Filtering\W+Disabled|boot_args\W+Disabled/.test(policy),
    'the build': system.includes(BUILD),
    'the boot session': /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/i.test(sysctl.replace(new RegExp(uuid, 'gi'), '')),
  };
  return Object.keys(pieces).filter((piece) => pieces[piece] !== true);
}

function collection() {
  const system = { build: BUILD, osVersion: '15.1' };
  const bundles = ['com.apple.a', 'com.apple.b'].map((id) => ({
    id,
    version: '1',
    binary: buildBundleFile({ id, version: '1', ...system }),
  }));
  const kernelFile = buildKernelFile({ versionText: VERSION_TEXT, codeSizeBytes: 4096, ...system });
  return buildKernelCollection({ kernelFile, bundles, build: BUILD });
}
