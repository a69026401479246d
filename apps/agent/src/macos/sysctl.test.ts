/** A sysctl that ends at the first name that its kernel does not know, as that of older BSDs does. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type FakeMac, fakeMac } from '../testing/fake-mac.ts';
import { readSysctl, sysctlValue } from './sysctl.ts';

const NAMES = ['kern.osversion', 'kern.filesetuuid', 'kern.bootargs', 'hw.model'];

let mac: FakeMac;
beforeEach(() => {
  mac = fakeMac();
});
afterEach(() => mac.remove());

/** Knows all but these. */
function sysctl(unknown: string): void {
  const lines = [
    'for name; do case $name in',
    `${unknown}) echo "sysctl: unknown oid '$name'" >&2; exit 1 ;;`,
    '*) echo "$name: of $name" ;;',
    'esac; done',
  ];
  mac.tool('/usr/sbin/sysctl', lines.join('\n'));
}

it.each([
  ['in the middle', 'kern.filesetuuid', ['kern.filesetuuid']],
  ['first', 'kern.osversion', ['kern.osversion']],
  ['several', 'kern.osversion|hw.model', ['kern.osversion', 'hw.model']],
])('one that is not known costs only itself: %s', async (_where, unknown, lacking) => {
  sysctl(unknown);
  const values = await readSysctl(mac, NAMES);
  for (const name of NAMES)
    expect(sysctlValue(values, name)).toMatchObject(
      lacking.includes(name)
        ? { ok: false, reason: `sysctl does not know ${name} on this Mac` }
        : { ok: true, value: `of ${name}` },
    );
});

it('says what was printed where none is known', async () => {
  sysctl('*.*');
  expect(await readSysctl(mac, NAMES)).toMatchObject({ ok: false, reason: expect.stringContaining('unknown oid') });
});
