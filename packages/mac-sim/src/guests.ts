/** Guests of a simulated Mac: the kernel counts macOS guests against its quota, and refuses with the words of the captures. */
import { guestQuota } from './kernel-args.ts';
import { type GuestKind, type SimState, updateState } from './state.ts';

const REFUSAL =
  'Error Domain=VZErrorDomain Code=6 "The maximum supported number of active virtual machines has been reached." ' +
  'UserInfo={NSLocalizedFailure=No value exists in nvram for the provided key., ' +
  'NSLocalizedFailureReason=The maximum supported number of active virtual machines has been reached.}';
const GUESTS_MAX = 1000;
const FIRST_PID = 1000;

export interface GuestsStarted {
  readonly started: number;
  /** What the tool that starts guests prints when the kernel refuses; null when all started. */
  readonly refusal: string | null;
}

export function startGuests(dir: string, count: number, kind: GuestKind): GuestsStarted {
  let started = 0;
  updateState(dir, (draft) => {
    if (draft.boot === null) throw new Error(`${dir}: power is ${draft.power}; guests need a booted macOS`);
    if (draft.guests.length + count > GUESTS_MAX) throw new Error(`${dir}: at most ${GUESTS_MAX} simulated guests`);
    const room = kind === 'linux' ? count : Math.max(0, freeSlots(draft));
    started = Math.min(count, room);
    const firstPid = Math.max(FIRST_PID, ...draft.guests.map(({ pid }) => pid)) + 1;
    for (let index = 0; index < started; index += 1) draft.guests.push({ kind, pid: firstPid + index });
  });
  return { started, refusal: started < count ? REFUSAL : null };
}

/** Stops the guests that were started last. A `leak` keeps the slot of each macOS guest until the next boot, as bad ends do. */
export function stopGuests(dir: string, count: number, end: 'clean' | 'leak' = 'clean'): SimState {
  return updateState(dir, (draft) => {
    const stopped = draft.guests.splice(Math.max(0, draft.guests.length - count));
    if (end === 'leak') draft.leakedSlots += stopped.filter(({ kind }) => kind === 'macos').length;
  });
}

function freeSlots(state: SimState): number {
  if (state.boot === null) return 0;
  const alive = state.guests.filter(({ kind }) => kind === 'macos').length;
  return guestQuota(state.boot) - alive - state.leakedSlots;
}
