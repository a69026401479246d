/** A time as it stands on a page: to the minute, in the one zone that nobody has to guess. */
export function shownTime(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
