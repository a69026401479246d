// Goal: what somebody accepted can be read later, letter by letter.
import { expect, it } from 'vitest';
import { LICENCE_CLAUSE, LICENCE_CLAUSES, licenceClause } from './licence-clause.ts';

/** A changed text is a new version at the end of the list; none of these ever changes or goes. */
const SUMS = {
  '2026-11': 'f81d3622e839a041eb64e0e2f48cdf4dab05d1fefa67f8423fb52028466dda80',
};

it('every version that was ever shown is there, as it was', () => {
  expect(Object.fromEntries(LICENCE_CLAUSES.map(({ version, sha256 }) => [version, sha256]))).toEqual(SUMS);
  expect(licenceClause('2026-11')?.text).toMatch(/^Section 2\.B\.iii /);
  expect(licenceClause('1999-01')).toBeNull();
});

it('the newest is the one that is shown', () => {
  expect(LICENCE_CLAUSE).toBe(LICENCE_CLAUSES.at(-1));
});
