/** The table must stay readable at any width and say what a Mac waits for. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HostDetail } from './api-client.ts';
import { evidenceText, renderTable, Screen } from './table.ts';

const host = (over: Partial<HostDetail>): HostDetail => ({
  id: '1',
  name: 'mac-1',
  state: 'kc_staged',
  presence: 'online',
  waitsFor: null,
  proof: null,
  witness: null,
  quotaWanted: 255,
  lastSeenAt: null,
  findings: [],
  evidence: [],
  ...over,
});
const piece = (holds: boolean | null) => ({ id: 'x', title: 'x', holds, seen: '' });

describe('renderTable', () => {
  it('aligns columns and shows state, evidence and what is waited for', () => {
    const evidence = [piece(true), piece(true)];
    const raised = host({ state: 'raised', proof: 'configured', evidence });
    const counted = host({ state: 'raised', proof: 'witnessed', witness: { macosGuests: 3 }, evidence });
    const waiting = host({
      state: 'ready_for_visit',
      waitsFor: 'a person in recoveryOS',
      evidence: [piece(false), piece(null)],
    });
    expect(
      renderTable(
        [
          { name: 'mac-1', what: '14.5 T6020', host: raised },
          { name: 'mac-2', what: '14.5 T6020', host: counted },
          { name: 'mac-10', what: '15.1 T8122', host: waiting },
          { name: 'mac-3', what: '26.2', host: null },
        ],
        120,
      ),
    ).toEqual([
      'MAC     SYSTEM      STATE                EVIDENCE                WAITS FOR',
      'mac-1   14.5 T6020  raised (configured)  2/2, no guests counted',
      'mac-2   14.5 T6020  raised (witnessed)   2/2, 3 guests counted',
      'mac-10  15.1 T8122  ready for visit      0/2                     a person in recoveryOS',
      'mac-3   26.2        not enrolled                                 its agent to enrol',
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

describe('Screen', () => {
  it('says one plain line per change where there is no terminal, with how far a raise is proven', () => {
    const said: string[] = [];
    const screen = new Screen({
      isTTY: false,
      write: (text: string) => said.push(text),
    } as unknown as NodeJS.WriteStream);
    const evidence = [piece(true)];
    const show = (over: Partial<HostDetail>) =>
      screen.show([{ name: 'm', what: '14.5', host: host({ state: 'raised', evidence, ...over }) }]);
    show({ proof: 'configured' });
    show({ proof: 'configured' });
    show({ proof: 'witnessed', witness: { macosGuests: 4 } });
    expect(said).toEqual([
      'm (14.5): raised (configured) - evidence 1/1, no guests counted\n',
      'm (14.5): raised (witnessed) - evidence 1/1, 4 guests counted\n',
    ]);
  });
});
