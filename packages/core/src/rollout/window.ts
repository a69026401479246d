/** Maintenance windows in the time zone of the people who keep them; summer time is the runtime's own knowledge. */
import { type MaintenanceWindow, WEEKDAYS, type Weekday } from './strategy.ts';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;
/** Steps in which the next opening is looked for: a window is at least this long. */
export const WINDOW_MINUTES_MIN = 15;
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
  for (let minutes = 0; minutes <= LOOK_AHEAD_MINUTES; minutes += WINDOW_MINUTES_MIN) {
    const time = start + minutes * MINUTE_MS;
    if (!isOpenAt(time)) continue;
    let first = time;
    while (first - MINUTE_MS > now.getTime() && isOpenAt(first - MINUTE_MS)) first -= MINUTE_MS;
    return new Date(first);
  }
  return null;
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

function formatOf({ timeZone }: MaintenanceWindow): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-US', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
}

function localTime(format: Intl.DateTimeFormat, at: Date): LocalTime {
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
  return {
    day: WEEKDAYS.indexOf(parts.get('weekday') as Weekday),
    minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
  };
}
