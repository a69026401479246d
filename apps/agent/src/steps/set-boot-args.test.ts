import { readFileSync } from 'node:fs';
import { emptyFacts } from '@headroom/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeMac, fakeMac } from '../testing/fake-mac.ts';
import { setBootArgsStep } from './set-boot-args.ts';
import type { StepContext } from './step.ts';

const LINE = 'kcsuffix=development hypervisor=0x1 hv_apple_isa_vm_quota=0x10';
const GUID = '40A0DDD2-77F8-4392-B4A3-1E7304206516';
const step = { kind: 'set_boot_args', quota: 16, bootArgs: LINE } as const;

/** An nvram over a file. `$refused` is the pattern of assignments that it refuses; every call is noted. */
const nvram = (folder: string, refused: string): string => `
echo "$*" >> ${folder}/calls
case $1 in
  -s) exit 0 ;;
  ${refused}) echo "nvram: Error setting variable - 'boot-args': (iokit/common) not permitted" >&2; exit 1 ;;
  *boot-args=*) printf '%s' "\${1#*boot-args=}" > ${folder}/stored ;;
  boot-args) [ -f ${folder}/stored ] && printf 'boot-args\\t%s\\n' "$(while read -r l || [ -n "$l" ]; do echo "$l"; done < ${folder}/stored)" && exit 0
    echo "nvram: Error getting variable - 'boot-args': (iokit/common) data was not found" >&2; exit 1 ;;
esac`;

let mac: FakeMac;
beforeEach(() => {
  mac = fakeMac();
});
afterEach(() => mac.remove());

function context(inForce = ''): StepContext {
  const empty = emptyFacts('not read in this test');
  return { mac, facts: async () => ({ ...empty, bootArgs: { ...empty.bootArgs, inForce } }) } as unknown as StepContext;
}

const calls = (): readonly string[] => readFileSync(mac.path('/calls'), 'utf8').trim().split('\n');

describe('set_boot_args', () => {
  it('writes the bare form, reads it back, saves it, and says that a reboot is needed', async () => {
    mac.tool('/usr/sbin/nvram', nvram(mac.sysroot, 'never'));
    await setBootArgsStep.act(step, context());
    expect(calls()).toEqual([`boot-args=${LINE}`, 'boot-args', '-s']);
    expect(await setBootArgsStep.verify(step, context())).toEqual({ stored: LINE, inForce: '', rebootNeeded: true });
    expect(await setBootArgsStep.verify(step, context(`${LINE} -x`))).toMatchObject({ rebootNeeded: false });
  });

  it('goes over to the form with the boot namespace when the bare one is refused', async () => {
    mac.tool('/usr/sbin/nvram', nvram(mac.sysroot, 'boot-args=*'));
    await setBootArgsStep.act(step, context());
    expect(calls()).toContain(`${GUID}:boot-args=${LINE}`);
    expect(await setBootArgsStep.verify(step, context())).toMatchObject({ stored: LINE });
  });

  it('says what nvram said when both are refused', async () => {
    mac.tool('/usr/sbin/nvram', nvram(mac.sysroot, '*boot-args=*'));
    await expect(setBootArgsStep.act(step, context())).rejects.toMatchObject({
      code: 'BOOT_ARGS_NOT_WRITTEN',
      message: expect.stringMatching(/not permitted[\s\S]*not permitted/),
    });
  });

  it('does not take another stored line for its own', async () => {
    mac.tool('/usr/sbin/nvram', nvram(mac.sysroot, 'never'));
    mac.file('/stored', 'debug=0x14e');
    await expect(setBootArgsStep.verify(step, context())).rejects.toMatchObject({
      code: 'BOOT_ARGS_READ_BACK_DIFFERS',
    });
  });
});
