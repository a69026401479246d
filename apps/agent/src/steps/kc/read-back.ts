/** Reads a kernel collection back from its file: is it what was asked for, with this chip's development kernel and every bundle? */
import { AgentError, differs } from '../../agent-error.ts';
import { identify } from '../../facts/collection-identity.ts';
import { isMissing } from '../../files.ts';
import type { Fileset } from '../../macho/fileset.ts';

export interface Wanted {
  readonly variant: string;
  readonly bundleIds: readonly string[];
}

export interface ReadBack {
  readonly uuid: string;
  readonly bundles: number;
  readonly kernelVersionText: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly md5: string;
}

const NAMED_MAX = 10;

export async function readBack(path: string, wanted: Wanted, signal: AbortSignal): Promise<ReadBack | AgentError> {
  try {
    const { sha256, md5, fileset } = await identify(path, signal);
    if (!fileset.ok) return failed(`The kernel collection: ${fileset.reason}.`);
    const { uuid, bundles, sizeBytes, kernelVersionText } = fileset.value;
    const problem = problemOf(fileset.value, wanted);
    if (problem !== null) return failed(problem);
    return { uuid, bundles, sizeBytes, sha256, md5, kernelVersionText: kernelVersionText ?? '' };
  } catch (error) {
    if (isMissing(error)) return failed(`${path} is not there.`);
    throw error;
  }
}

function problemOf(fileset: Fileset, { variant, bundleIds }: Wanted): string | null {
  const config = `/DEVELOPMENT_ARM64_${variant}`;
  const text = fileset.kernelVersionText;
  if (!fileset.arm64e) return differs('Kind of the kernel collection', 'arm64e', `CPU subtype ${fileset.cpuSubtype}`);
  if (text === null || !text.endsWith(config))
    return differs('Kernel in the collection', config, text ?? 'no version text');
  const ids = new Set(fileset.entries.map(({ id }) => id));
  const lacking = bundleIds.filter((id) => !ids.has(id));
  if (lacking.length === 0) return null;
  return `Bundles that were asked for and are not in it (${lacking.length}): ${lacking.slice(0, NAMED_MAX).join(' ')}.`;
}

function failed(detail: string): AgentError {
  return new AgentError('KC_READ_BACK_FAILED', detail);
}
