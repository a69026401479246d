import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ringOf } from './assign.ts';
import { inTwoParts } from './two-parts.ts';

it('a tenth goes first, whatever their ids are, and nobody is left out', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 60 }), (hostIds) => {
      const strategy = inTwoParts(hostIds);
      const rings = hostIds.map((hostId) => ringOf(strategy, { hostId, labels: [] }));
      expect(rings.filter((ring) => ring === 0)).toHaveLength(Math.ceil(hostIds.length / 10));
      expect(rings.every((ring) => ring === 0 || ring === 1)).toBe(true);
    }),
  );
});
