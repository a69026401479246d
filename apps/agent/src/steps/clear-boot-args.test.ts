import { emptyFacts } from '@headroom/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeMac, fakeMac } from '../testing/fake-mac.ts';
import { clearBootArgsStep } from './clear-boot-args.ts';
import type { StepContext } from './step.ts';

const OURS = 'kcsuffix=development hypervisor=0x1 hv_apple_isa_vm_quota=0x10';
const step = { kind: 'clear_boot_args' } as const;

/** An nvram over a file. */
const nvram = (folder: string): string => `
echo "$*" >> ${folder}/calls
case $1 in
  -s) exit 0 ;;
  -d) [ -f ${folder}/stored ] && rm ${folder}/stored && exit 0
    echo "nvram: Error deleting variable - '$2': (iokit/common) data was not found" >&2; exit 1 ;;
  *boot-args=*) printf '%s' "\${1#*boot-args=}" > ${folder}/stored ;;
  boot-args) [ -f ${folder}/stored ] && printf 'boot-args\\t%s\\n' "$(cat ${folder}/stored)" && exit 0
    echo "nvram: Error getting variable - 'boot-args': (iokit/common) data was not found" >&2; exit 1 ;;
esac`;

let mac: FakeMac;
beforeEach(() => {
  mac = fakeMac();
  mac.tool('/usr/sbin/nvram', `PATH=/bin:/usr/bin${nvram(mac.sysroot)}`);
});
afterEach(() => mac.remove());

function context(guests: number | null = 0): StepContext {
  const empty = emptyFacts('not read in this test');
  const facts = { ...empty, guests: { ...empty.guests, processesAtMost: guests } };
  return { mac, facts: async () => facts } as unknown as StepContext;
}

const baseline = (bootArgs: string | null): void =>
  mac.file(
    '/var/db/headroom/baseline.json',
    JSON.stringify({ securityMode: 'full', sip: 'enabled', customKernel: 'absent', bootArgs }),
  );
const manifest = (bootArgs: string, prior: string): void =>
  mac.file('/Library/Headroom/manifest', `headroom-manifest=1\nboot-args=${bootArgs}\nprior-boot-args=${prior}\n`);

async function clear(stored: string): Promise<string | null> {
  mac.file('/stored', stored);
  await clearBootArgsStep.act(step, context());
  const first = await clearBootArgsStep.verify(step, context());
  await clearBootArgsStep.act(step, context());
  expect(await clearBootArgsStep.verify(step, context()), 'again').toEqual(first);
  return first.stored;
}

describe('clear_boot_args', () => {
  it('deletes the line where none was before', async () => {
    baseline(null);
    expect(await clear(OURS)).toBeNull();
  });

  it('stores the line of the baseline, and keeps what others stored since', async () => {
    baseline('-x64');
    manifest(`${OURS} -v`, '');
    expect(await clear(`${OURS} -v serverperfmode=1`)).toBe('-x64 serverperfmode=1');
  });

  it.each(['kcsuffix=development', 'hypervisor=0x1', '-x64 hypervisor=0x1 kcsuffix=development'])(
    'stores words of the baseline again that the raise uses, too: %s',
    async (before) => {
      baseline(before);
      manifest(OURS, before);
      expect(await clear(`${OURS} serverperfmode=1`)).toBe(`${before} serverperfmode=1`);
    },
  );

  it('is not done while a word of before is missing', async () => {
    baseline('hypervisor=0x1 -x64');
    mac.file('/stored', '-x64');
    await expect(clearBootArgsStep.verify(step, context())).rejects.toMatchObject({
      code: 'BOOT_ARGS_READ_BACK_DIFFERS',
    });
  });

  it.each([
    ['of a Mac that was not raised', 'serverperfmode=1 kcsuffix=old', 'serverperfmode=1 kcsuffix=old'],
    ['of a Mac that was raised', 'hypervisor=1 serverperfmode=1 hv_apple_isa_vm_quota=9', 'serverperfmode=1'],
  ])('goes by the kit where there is no baseline: %s', async (_which, prior, line) => {
    manifest(`${OURS} -v serverperfmode=1`, prior);
    expect(await clear(`${OURS} -v serverperfmode=1`)).toBe(line);
  });

  it('takes out its own words where nothing is known', async () => {
    expect(await clear(`${OURS} -v trace=1`)).toBe('trace=1');
  });

  it.each([1, null])('changes nothing with guests running, or not known to be none (%s)', async (guests) => {
    mac.file('/stored', OURS);
    await expect(clearBootArgsStep.act(step, context(guests))).rejects.toMatchObject({ code: 'PLAN_OUTDATED' });
    await expect(clearBootArgsStep.verify(step, context())).rejects.toMatchObject({
      code: 'BOOT_ARGS_READ_BACK_DIFFERS',
    });
  });
});
