/** Goal: whoever looks for an overdue Mac is told where to look first, and is sent after no cause that cannot be. */
import { describe, expect, it } from 'vitest';
import type { VisitKind } from './evaluate-types.ts';
import { causesText, OVERDUE_CAUSES, overdueCauses } from './overdue.ts';

const WITHOUT = (...ids: readonly string[]) => OVERDUE_CAUSES.filter((id) => !ids.includes(id));

describe('the causes of being overdue', () => {
  it.each<[VisitKind, 'on' | 'off' | null, readonly string[]]>([
    ['raise', 'on', OVERDUE_CAUSES],
    ['raise', null, OVERDUE_CAUSES],
    ['raise', 'off', WITHOUT('unlock_screen')],
    ['restart', 'on', WITHOUT('still_in_recovery')],
    ['restart', 'off', WITHOUT('unlock_screen', 'still_in_recovery')],
    ['revert', 'on', WITHOUT('network_withdrawn')],
    ['recover', 'off', WITHOUT('unlock_screen')],
  ])('%s, FileVault %s', (kind, fileVault, expected) => {
    expect(overdueCauses(kind, fileVault).map(({ id }) => id)).toEqual(expected);
  });

  it('are all there for a Mac that never reported, in the order to look', () => {
    const text = causesText(overdueCauses('raise', null));
    const places = ['FileVault', 'recoveryOS', 'Custom kernel failed to boot', 'Login Items', 'SIP off'].map((word) =>
      text.indexOf(word),
    );
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places[0]).toBeGreaterThan(0);
  });
});
