/**
 * Labels of a time axis in a zone: round local times (also where the clocks change), a second line with the day where a day begins. Steps go from a
 * second to years, chosen so that labels do not touch.
 */

import { Temporal } from 'temporal-polyfill';

export interface TimeTick {
  /** Epoch seconds. */
  readonly at: number;
  readonly text: string;
  /** The day, where one begins or the axis does. */
  readonly day: string;
}

const minute = 60;
const hour = 3600;
const day = 86_400;
const steps = [
  ...[1, 2, 5, 10, 15, 30, minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute],
  ...[hour, 2 * hour, 3 * hour, 4 * hour, 6 * hour, 12 * hour, day, 2 * day, 7 * day],
];
const monthSteps = [1, 2, 3, 6, 12, 24, 60, 120];
const monthNames = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const dayNames = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const ticksMax = 500;

/** Ticks of the range `[start, end]`, epoch seconds, at most about `count`. */
export function timeTicks(start: number, end: number, timeZone: string, count: number): TimeTick[] {
  const rough = (end - start) / Math.max(1, count);
  const step = steps.find((one) => one >= rough);
  const times = step === undefined ? monthTimes(start, end, timeZone, rough) : stepTimes(start, end, timeZone, step);
  let lastDay = '';
  return times.slice(0, ticksMax).map((at) => {
    const local = zoned(at, timeZone);
    if (step === undefined)
      return { at: seconds(at), text: local.month === 1 ? String(local.year) : (monthNames[local.month - 1] as string), day: '' };
    const date = `${dayNames[local.dayOfWeek - 1]} ${local.day} ${monthNames[local.month - 1]}`;
    if (step >= day) return { at: seconds(at), text: `${local.day} ${monthNames[local.month - 1]}`, day: '' };
    const shown = date === lastDay ? '' : date;
    lastDay = date;
    const clock = local.toPlainTime().toString({ smallestUnit: step < minute ? 'second' : 'minute' });
    return { at: seconds(at), text: clock, day: shown };
  });
}

const seconds = (at: Temporal.ZonedDateTime): number => Math.floor(at.epochMilliseconds / 1000);

function zoned(at: Temporal.ZonedDateTime | number, timeZone: string): Temporal.ZonedDateTime {
  return typeof at === 'number' ? Temporal.Instant.fromEpochMilliseconds(at * 1000).toZonedDateTimeISO(timeZone) : at;
}

// Day by day, so that times stay round where a day has 23 or 25 hours.
function stepTimes(start: number, end: number, timeZone: string, step: number): Temporal.ZonedDateTime[] {
  const found: Temporal.ZonedDateTime[] = [];
  let morning = zoned(start, timeZone).startOfDay();
  if (step >= day) {
    // Weeks begin on Monday, pairs of days on even days since 1970.
    const days = step / day;
    const since = Math.round(morning.toPlainDate().since('1970-01-05').total('days'));
    morning = morning.subtract({ days: ((since % days) + days) % days });
    for (; seconds(morning) <= end && found.length < ticksMax; morning = morning.add({ days }))
      if (seconds(morning) >= start) found.push(morning);
    return found;
  }
  for (; seconds(morning) <= end && found.length < ticksMax; morning = morning.add({ days: 1 })) {
    for (let at = 0; at < day && found.length < ticksMax; at += step) {
      const time = morning.toPlainDate().toZonedDateTime({
        timeZone,
        plainTime: Temporal.PlainTime.from({
          hour: Math.floor(at / hour),
          minute: Math.floor((at % hour) / minute),
          second: at % minute,
        }),
      });
      if (seconds(time) > end) break;
      if (seconds(time) >= start && (found.length === 0 || seconds(time) > seconds(found.at(-1) as Temporal.ZonedDateTime)))
        found.push(time);
    }
  }
  return found;
}

function monthTimes(start: number, end: number, timeZone: string, rough: number): Temporal.ZonedDateTime[] {
  const months = monthSteps.find((one) => one * 30 * day >= rough) ?? Math.ceil(rough / (365 * day)) * 12;
  const first = zoned(start, timeZone).startOfDay().with({ day: 1 });
  const lost = (first.year * 12 + first.month - 1) % months;
  const found: Temporal.ZonedDateTime[] = [];
  for (let at = first.subtract({ months: lost }); seconds(at) <= end && found.length < ticksMax; at = at.add({ months })) {
    if (seconds(at) >= start) found.push(at);
  }
  return found;
}
