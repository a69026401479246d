import { describe, expect, it } from 'vitest';
import { readKdkName } from './kdk-name.ts';

describe('names of KDK images', () => {
  it.each([
    ['Kernel_Debug_Kit_15.1_build_24B82.dmg', '15.1', '24B82'],
    ['Kernel_Debug_Kit_14.0_build_23A5301h.dmg', '14.0', '23A5301h'],
    ['Kernel_Debug_Kit_14.1.1_build_23B2082.dmg', '14.1.1', '23B2082'],
  ])('%s', (name, version, build) => {
    expect(readKdkName(name)).toEqual({ version, build });
  });

  it.each(['', 'Kernel_Debug_Kit_15.1.dmg', '../Kernel_Debug_Kit_15.1_build_24B82.dmg', 'KDK_15.1_24B82.kdk'])(
    'refuses %j and says what it expected',
    (name) => {
      expect(() => readKdkName(name)).toThrow(/KDK_NAME_UNREADABLE: Expected Kernel_Debug_Kit_/);
    },
  );
});
