/**
 * headroom-agent prepare --local: readiness, kernel collection and run sheet of this one Mac, without a controller.
 * Guarantee: lowers nothing. It installs the KDK and builds the collection, both of which a stock Mac may have; no kit is placed, no
 * boot argument is written, and no grant is asked for because none is used.
 */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { type Facts, HOST_STATE_TABLE, type KdkSource } from '@headroom/core';
import { AgentError, differs } from '../agent-error.ts';
import { digestFile, isMissing } from '../files.ts';
import { readFactsCounting } from '../read-facts.ts';
import { type Readiness, readReadiness } from '../readiness.ts';
import { alone } from './alone.ts';
import type { Options } from './arguments.ts';
import { type BuildFailure, buildLocally, NOTHING_BUILT, noKdk } from './build-locally.ts';
import { quotaOption } from './quota-option.ts';
import { runSheet } from './run-sheet.ts';
import { UsageError } from './usage.ts';

export async function prepare(options: Options): Promise<number> {
  if (!options.local) throw new UsageError('prepare needs --local: under a controller, its plan prepares this Mac');
  const quota = quotaOption(options.quota);
  return alone(options.sysroot, say, async (mac, signal) => {
    const facts = await readFactsCounting(mac);
    const kdk = options.kdk === undefined ? null : await kdkOf(options.kdk, options.sha256, facts);
    const readiness = readReadiness({ facts, quota, catalogue: { kdks: kdk === null ? [] : [kdk], dropBundles: {} } });
    const isBuildable = canBeBuilt(readiness, facts);
    const lacking = isBuildable && kdk === null ? noKdk(facts) : null;
    const { kc, failure } =
      isBuildable && lacking === null
        ? await buildLocally({ mac, facts, kdk, quota, kdkFile: options.kdk, signal, say })
        : { ...NOTHING_BUILT, failure: lacking };
    const sheet = kc === null ? null : runSheet({ facts, kc, quota, readiness });
    if (options.json) process.stdout.write(`${JSON.stringify({ readiness, kc, failure, runSheet: sheet })}\n`);
    else process.stdout.write(`${readinessText(readiness)}\n${sheet ?? failureText(failure)}\n`);
    return kc === null ? 1 : 0;
  });
}

/** Without --sha256 the admin vouches for the file; signature and package id are checked all the same. */
async function kdkOf(file: string, wanted: string | undefined, { os }: Facts): Promise<KdkSource> {
  const digest = await digestFile(file).catch((error: unknown) => {
    throw isMissing(error) ? new UsageError(`--kdk: ${file} does not exist`) : error;
  });
  if (wanted !== undefined && wanted.toLowerCase() !== digest.sha256)
    throw new AgentError('KDK_SHA256_MISMATCH', differs(`sha256 of ${file}`, wanted, digest.sha256));
  return {
    build: os.baseBuild ?? '',
    version: os.version ?? '',
    sha256: digest.sha256,
    sizeBytes: (await stat(file)).size,
    fileName: basename(file),
  };
}

function canBeBuilt({ state }: Readiness, { os, kernel }: Facts): boolean {
  return state !== 'unsupported' && os.baseBuild !== null && os.version !== null && kernel.variant !== null;
}

function failureText(failure: BuildFailure | null): string {
  const none = 'No kernel collection was built.';
  return failure === null
    ? `${none} What is said above keeps it from being built.`
    : `${none}\n${failure.code}: ${failure.title}. ${failure.detail}\n  Next: ${failure.next}`;
}

function readinessText({ state, problems }: Readiness): string {
  const lines = problems.map(({ severity, what, detail, next }) => `${severity}: ${what}. ${detail}\n  Next: ${next}`);
  return [
    `By its facts alone: ${HOST_STATE_TABLE[state].means} (${state}). ${problems.length === 0 ? 'Nothing is in the way.' : ''}`.trim(),
    ...lines,
  ].join('\n');
}

/** What goes on is told beside the result, which alone is on stdout. */
function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
