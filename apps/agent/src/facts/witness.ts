/** What somebody counted, as state/witness.ts keeps it. */
import { readTextFile } from '../files.ts';
import { known, type Reading, unknown } from '../macos/reading.ts';
import { resolve } from '../macos/sysroot.ts';
import type { ToolContext } from '../macos/tool.ts';
import { WITNESS_FILE } from '../paths.ts';
import { type Witness, witnessOf } from '../state/witness.ts';

const BYTES_MAX = 16 * 1024;

/** null = nobody has counted. */
export async function readWitness({ sysroot }: ToolContext): Promise<Reading<Witness | null>> {
  const text = await readTextFile(resolve(sysroot, WITNESS_FILE), BYTES_MAX);
  if (text === null) return known(null);
  try {
    const witness = witnessOf(JSON.parse(text));
    if (witness !== null) return known(witness);
  } catch {
    // Said below.
  }
  return unknown('witness.json is damaged; the next count replaces it');
}
