/** The fuzz run is worth what its shapes refuse. */
import { expect, it } from 'vitest';
import { wrongType } from '../../scripts/fuzz/shape.ts';
import { SHAPES } from '../../scripts/fuzz/shapes.ts';

it.each<[string, string, unknown, string | null]>([
  ['what is declared', 'csrutil', { status: 'custom', flags: { 'Kext Signing': true } }, null],
  ['a null that is declared', 'csrutil', { status: 'enabled', flags: null }, null],
  ['a null that is not', 'csrutil', { status: null, flags: null }, '.status is null, declared: string'],
  ['a field that nobody declared', 'df', { device: 'a', sizeBytes: 1, freeBytes: 1 }, '.freeBytes is number'],
  ['another kind in a list', 'listUsers', [{ uuid: 'A', type: 'x', volumeOwner: 'Yes' }], '[].volumeOwner is string'],
  ['another kind under any key', 'receipt', { steps: { nvram: '1' } }, '.steps.nvram is string'],
  ['a part of a Mach-O file', 'readFileset', { uuid: null }, '.uuid is null'],
  ['what is no number', 'guestProcesses', Number.NaN, 'value is NaN'],
  ['nothing at all', 'plist', { a: undefined }, '.a is undefined'],
])('%s', (_what, parser, value, wrong) => {
  const found = wrongType(SHAPES[parser] ?? null, value);
  if (wrong === null) expect(found).toBe(null);
  else expect(found).toContain(wrong);
});
