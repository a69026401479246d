/** The table must stay readable at any width and say what a Mac waits for. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HostDetail } from './api-client.ts';
import { evidenceText, renderTable } from './table.ts';

const host = (over: Partial<HostDetail>): HostDetail => ({
  id: '1',
  name: 'mac-1',
  state: 'kc_staged',
  presence: 'online',
  waitsFor: null,
  quotaWanted: 255,
  lastSeenAt: null,
  findings: [],
  evidence: [],
  ...over,
});
const piece = (holds: boolean | null) => ({ id: 'x', title: 'x', holds, seen: '' });

describe('renderTable', () => {
  it('aligns columns and shows state, evidence and what is waited for', () => {
    const raised = host({ state: 'raised', evidence: [piece(true), piece(true)] });
    const waiting = host({
      state: 'ready_for_visit',
      waitsFor: 'a person in recoveryOS',
      evidence: [piece(false), piece(null)],
    });
    expect(
      renderTable(
        [
          { name: 'mac-1', what: '14.5 T6020', host: raised },
          { name: 'mac-10', what: '15.1 T8122', host: waiting },
          { name: 'mac-3', what: '26.2', host: null },
        ],
        120,
      ),
    ).toEqual([
      'MAC     SYSTEM      STATE            EVIDENCE  WAITS FOR',
      'mac-1   14.5 T6020  raised           2/2',
      'mac-10  15.1 T8122  ready for visit  0/2       a person in recoveryOS',
      'mac-3   26.2        not enrolled               its agent to enrol',
    ]);
  });

  it('shows the next step of a blocker when nothing else is waited for', () => {
    const blocked = host({
      findings: [{ code: 'X', severity: 'blocker', title: 'Not a host', nextStep: 'Remove it.' }],
    });
    expect(renderTable([{ name: 'm', what: 'x', host: blocked }], 200)[1]).toContain('Not a host: Remove it.');
  });

  it('is never wider than the terminal', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.integer({ min: 10, max: 200 }), (waitsFor, width) => {
        for (const line of renderTable([{ name: 'm', what: 'x', host: host({ waitsFor }) }], width))
          expect(line.length).toBeLessThanOrEqual(width);
      }),
    );
  });

  it('counts an unknown piece of evidence as not holding', () => {
    expect(evidenceText(host({ evidence: [piece(null), piece(true)] }))).toBe('1/2');
  });
});
