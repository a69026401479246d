/**
 * Which tools recoveryOS has beside those that the simulator answers for, by macOS release. Nobody publishes lists: a tool counts as
 * there where public scripts use it, and from the release on of which nobody has told, only what can hardly be missing does.
 */
import type { ProvenanceKind } from '../catalogue/provenance-kind.ts';

export interface ToolList {
  /** First macOS of this list; it holds until the next one begins. */
  readonly from: number;
  readonly tools: readonly string[];
  readonly provenance: ProvenanceKind;
  readonly source: string;
}

const USED_BY_SCRIPTS = ['awk', 'cat', 'chmod', 'cp', 'cut', 'date', 'grep', 'ls', 'mkdir', 'mkfifo', 'mv', 'rm', 'sed']
  .concat(['sleep', 'stat', 'stty', 'sync', 'tee', 'tr'])
  .sort();

/** In order of `from`. No sudo, shasum, openssl, perl, python, osascript in any. */
export const TOOL_LISTS: readonly ToolList[] = [
  {
    from: 0,
    tools: USED_BY_SCRIPTS,
    provenance: 'documented',
    source: 'tools that public scripts and guides for recoveryOS 12 to 15 use; some releases lack a few',
  },
  {
    from: 26,
    tools: ['cat', 'cp', 'ls', 'mkdir', 'mv', 'rm', 'stty'],
    provenance: 'invented',
    source: 'what this recoveryOS has was never published, so as little as can be',
  },
];

export function toolListFor(version: string): ToolList {
  const major = Number.parseInt(version, 10);
  const list = TOOL_LISTS.findLast(({ from }) => from <= major);
  if (list === undefined) throw new Error(`no tools are known for macOS ${version}`);
  return list;
}
