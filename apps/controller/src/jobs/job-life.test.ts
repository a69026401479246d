import { describe, expect, it } from 'vitest';
import { JOB_EVENTS, JOB_STATES, nextOf, OPEN_STATES, statesTaking } from './job-life.ts';

/** Written out a second time, by hand: every cell of the table. `-` = declined. */
const EXPECTED = `
            lease           renew         lapse             succeed             retry               exhaust             fail            refuse           cancel         ask                 expire          let_go
queued      leased/hand_out leased/extend -                 succeeded/step_on   queued/wait         dead/end_plan       failed/end_plan refused/end_plan cancelled/none cancelled/stop_plan dead/end_plan   -
leased      leased/hand_out leased/extend queued/take_back  succeeded/step_on   queued/wait         dead/end_plan       failed/end_plan refused/end_plan cancelled/none cancelling/none     cancelling/none -
cancelling  -               -             -                 succeeded/stop_plan cancelled/stop_plan cancelled/stop_plan failed/end_plan refused/end_plan cancelled/none -                   -               cancelled/stop_plan
succeeded   -               -             -                 -                   -                   -                   -               -                -              -                   -               -
failed      -               -             -                 -                   -                   -                   -               -                -              -                   -               -
refused     -               -             -                 -                   -                   -                   -               -                -              -                   -               -
cancelled   -               -             -                 -                   -                   -                   -               -                -              -                   -               -
dead        -               -             -                 -                   -                   -                   -               -                -              -                   -               -
`;

const [header = '', ...rows] = EXPECTED.trim().split('\n');
const events = header.trim().split(/ +/);
const cells = rows.flatMap((row) => {
  const [state, ...texts] = row.split(/ +/);
  return texts.map((text, index) => ({ state, event: events[index], text }));
});

describe('the life of a job', () => {
  it('is written out here for every state and every event', () => {
    expect(events).toEqual([...JOB_EVENTS]);
    expect(cells).toHaveLength(JOB_STATES.length * JOB_EVENTS.length);
  });

  for (const state of JOB_STATES) {
    for (const event of JOB_EVENTS) {
      it(`${state} x ${event}`, () => {
        const cell = nextOf(state, event);
        const expected = cells.find((one) => one.state === state && one.event === event);
        expect(cell === null ? '-' : `${cell.next}/${cell.effect}`).toBe(expected?.text);
      });
    }
  }

  it('is open while something can happen', () => {
    expect(OPEN_STATES).toEqual(['queued', 'leased', 'cancelling']);
    expect(statesTaking('lapse')).toEqual(['leased']);
  });
});
