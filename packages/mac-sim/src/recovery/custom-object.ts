/**
 * What configure-boot leaves behind: the wrapped collection in Preboot under the present system manifest, and its hash in
 * the boot policy. The hash is of the wrapped file, so it never equals a hash of the collection itself.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFileAtomic } from '../files.ts';
import { simPaths } from '../paths.ts';
import { loadState, updateState } from '../state.ts';
import { changePolicy } from './policy.ts';

/** Returns the coih. */
export function installCustomObject(dir: string, kernelCollection: string): string {
  const { volumes, policy } = loadState(dir);
  const bytes = readFileSync(kernelCollection);
  const coih = createHash('sha384').update('IM4P krnl\0').update(bytes).digest('hex').toUpperCase();
  writeFileAtomic(simPaths(dir).customKernel(volumes.group, policy.nsih, coih), bytes);
  updateState(dir, (draft) => changePolicy(draft, { smb0: true, smb1: true, coih }));
  return coih;
}
