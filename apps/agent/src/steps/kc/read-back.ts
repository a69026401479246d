/** Reads a kernel collection back from its file: is it what was asked for, with this chip's development kernel and every bundle? */
import { AgentError, differs } from '../../agent-error.ts';
import { identify } from '../../facts/collection-identity.ts';
import { isMissing } from '../../files.ts';
import { type Fileset, KERNEL_ENTRY, namedInPrelinkInfo } from '../../macho/fileset.ts';

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
    const problem = kernelProblem(fileset.value, wanted) ?? (await bundleProblem(path, fileset.value, wanted));
    if (problem !== null) return failed(problem);
    return { uuid, bundles, sizeBytes, sha256, md5, kernelVersionText: kernelVersionText ?? '' };
  } catch (error) {
    if (isMissing(error)) return failed(`${path} is not there.`);
    throw error;
  }
}

function kernelProblem({ kernelVersionText: text, arm64e, cpuSubtype }: Fileset, { variant }: Wanted): string | null {
  const config = `/DEVELOPMENT_ARM64_${variant}`;
  if (!arm64e) return differs('Kind of the kernel collection', 'arm64e', `CPU subtype ${cpuSubtype}`);
  if (text === null || !text.endsWith(config))
    return differs('Kernel in the collection', config, text ?? 'no version text');
  return null;
}

/** The kernel and the asked bundles, no more and no less; one without code is only named as linked in. */
async function bundleProblem(path: string, { entries }: Fileset, { bundleIds }: Wanted): Promise<string | null> {
  const asked = new Set([KERNEL_ENTRY, ...bundleIds]);
  const present = new Set(entries.map(({ id }) => id));
  const extra = [...present].filter((id) => !asked.has(id));
  if (extra.length > 0) return `Bundles that nobody asked for and are in it ${listed(extra)}`;
  const withoutEntry = bundleIds.filter((id) => !present.has(id));
  if (withoutEntry.length === 0) return null;
  const named = await namedInPrelinkInfo(path, withoutEntry);
  if (!named.ok) return `The kernel collection: ${named.reason}.`;
  const lacking = withoutEntry.filter((id) => !named.value.has(id));
  return lacking.length === 0 ? null : `Bundles that were asked for and are not in it ${listed(lacking)}`;
}

function listed(ids: readonly string[]): string {
  return `(${ids.length}): ${ids.slice(0, NAMED_MAX).join(' ')}.`;
}

function failed(detail: string): AgentError {
  return new AgentError('KC_READ_BACK_FAILED', detail);
}
