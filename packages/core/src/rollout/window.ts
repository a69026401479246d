/** Maintenance windows in the time zone of the people who keep them; summer time is the runtime's own knowledge. */
import { type MaintenanceWindow, WEEKDAYS, type Weekday } from './strategy.ts';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;
/** A window is at least this long, also in a night whose clocks go forward. */
export const WINDOW_MINUTES_MIN = 15;
/** What a change of summer time takes from a window at most. */
const SUMMER_MINUTES = 60;
const LOOK_AHEAD_MINUTES = 8 * DAY_MINUTES;

interface LocalTime {
  readonly day: number;
  readonly minute: number;
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

export function isInWindow(window: MaintenanceWindow, at: Date): boolean {
  return isOpen(window, localTime(formatOf(window), at));
}

/** When the window opens next; null when it never does. Now, when it is open. */
export function opensAt(window: MaintenanceWindow, now: Date): Date | null {
  const format = formatOf(window);
  if (isOpen(window, localTime(format, now))) return now;
  const isOpenAt = (time: number) => isOpen(window, localTime(format, new Date(time)));
  const start = Math.ceil(now.getTime() / MINUTE_MS) * MINUTE_MS;
  // Local times are dear to ask for: no step is longer than a window, so none is stepped over, and the minute is found between two steps.
  const step = Math.max(WINDOW_MINUTES_MIN, windowMinutes(window) - SUMMER_MINUTES) * MINUTE_MS;
  let closed = start - MINUTE_MS;
  for (let time = start; time <= start + LOOK_AHEAD_MINUTES * MINUTE_MS; time += step) {
    if (isOpenAt(time)) return new Date(firstOpen(closed, time, isOpenAt));
    closed = time;
  }
  return null;
}

/** Between a closed and an open minute with one change. */
function firstOpen(closed: number, open: number, isOpenAt: (time: number) => boolean): number {
  if (open - closed <= MINUTE_MS) return open;
  const middle = closed + Math.floor((open - closed) / MINUTE_MS / 2) * MINUTE_MS;
  return isOpenAt(middle) ? firstOpen(closed, middle, isOpenAt) : firstOpen(middle, open, isOpenAt);
}

/** Length in minutes; 0 is none, and a window from 00:00 to 00:00 is a whole day. */
export function windowMinutes({ from, to }: MaintenanceWindow): number {
  return ((((minuteOf(to) - minuteOf(from) - 1) % DAY_MINUTES) + DAY_MINUTES) % DAY_MINUTES) + 1;
}

function isOpen(window: MaintenanceWindow, { day, minute }: LocalTime): boolean {
  const from = minuteOf(window.from);
  const length = windowMinutes(window);
  const beginsOn = (index: number) => window.days.includes(WEEKDAYS[(index + 7) % 7] as Weekday);
  const sinceToday = minute - from;
  const sinceYesterday = sinceToday + DAY_MINUTES;
  return (beginsOn(day) && sinceToday >= 0 && sinceToday < length) || (beginsOn(day - 1) && sinceYesterday < length);
}

function minuteOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

/** Made once for each time zone: it takes longer than to ask it. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf({ timeZone }: MaintenanceWindow): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  formats.set(timeZone, made);
  return made;
}

function localTime(format: Intl.DateTimeFormat, at: Date): LocalTime {
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
  return {
    day: WEEKDAYS.indexOf(parts.get('weekday') as Weekday),
    minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
  };
}
