/** Opens a simulated package. */
import { lstatSync } from 'node:fs';
import { type Container, ContainerError, readContainer } from './container.ts';
import type { PackageMeta } from './kdk-image.ts';

/** null when it is not there or no whole package. */
export function openPackage(path: string): Container<PackageMeta> | null {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isFile()) return null;
  try {
    return readContainer('package', path) as Container<PackageMeta>;
  } catch (error) {
    if (error instanceof ContainerError) return null;
    throw error;
  }
}
