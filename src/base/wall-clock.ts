/**
 * Local time from the offset of a zone alone: what the wall clock shows at an instant, and the instant at which it shows a date. Lighter than a calendar
 * library, for what starts often and asks little; the machine's own zone comes from the engine, any other from `zoneClock` in `time.ts`.
 *
 * Law: fields beyond their range carry over (month 13, day 0, as C's mktime has it). An hour that comes twice is taken the second time, one that is
 * skipped is moved on by what was skipped, as glibc resolves them.
 */

/** A zone: seconds east of Greenwich at an instant, epoch seconds. */
export interface WallClock {
  offsetSeconds(epochSeconds: number): number;
}

/** What a wall clock shows. `month` from 0, `weekday` from Sunday, 0. */
export interface WallTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly weekday: number;
}

/** The zone of this process (TZ, else the machine's). */
export const machineClock: WallClock = { offsetSeconds: (epochSeconds) => new Date(epochSeconds * 1000).getTimezoneOffset() * -60 };

export const utcClock: WallClock = { offsetSeconds: () => 0 };

export function wallTime(clock: WallClock, epochSeconds: number): WallTime {
  const shifted = new Date((epochSeconds + clock.offsetSeconds(epochSeconds)) * 1000);
  return {
    year: shifted.getUTCFullYear(),
    month: shifted.getUTCMonth(),
    day: shifted.getUTCDate(),
    hour: shifted.getUTCHours(),
    minute: shifted.getUTCMinutes(),
    second: shifted.getUTCSeconds(),
    weekday: shifted.getUTCDay(),
  };
}

/** Epoch seconds at which the clock shows these fields; NaN when they are beyond what a Date holds. With `offset`, that offset is taken to hold. */
export function wallInstant(clock: WallClock, wall: Omit<WallTime, 'weekday'>, offset?: number): number {
  const shown = new Date(0);
  shown.setUTCFullYear(wall.year, wall.month, wall.day);
  shown.setUTCHours(wall.hour, wall.minute, wall.second);
  const naive = shown.getTime() / 1000;
  if (offset !== undefined || Number.isNaN(naive)) return naive - (offset ?? 0);
  const before = clock.offsetSeconds(naive - 86_400);
  const after = clock.offsetSeconds(naive + 86_400);
  for (const candidate of [naive - Math.min(before, after), naive - Math.max(before, after)])
    if (naive - candidate === clock.offsetSeconds(candidate)) return candidate;
  return naive - before;
}
