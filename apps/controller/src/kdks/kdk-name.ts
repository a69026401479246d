import { Problem } from '../common/problem.ts';

export interface KdkName {
  readonly version: string;
  readonly build: string;
}

const NAME = /^Kernel_Debug_Kit_(\d{1,3}(?:\.\d{1,3}){0,3})_build_(\d{2}[A-Z]\d{1,5}[a-z]?)\.dmg$/;

/** Version and build as Apple writes them into the file name. Builds decide, versions are for people. */
export function readKdkName(fileName: string): KdkName {
  const [, version, build] = NAME.exec(fileName) ?? [];
  if (version === undefined || build === undefined)
    throw new Problem(
      'KDK_NAME_UNREADABLE',
      `Expected Kernel_Debug_Kit_<version>_build_<build>.dmg, seen ${JSON.stringify(fileName.slice(0, 120))}.`,
    );
  return { version, build };
}
