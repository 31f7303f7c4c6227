/**
 * RRDtool's words for a point in time, "at-style": a reference and then an offset.
 *
 *     time       = reference [offset] | offset                      23:59 31.12.1999        end-3weeks        -1h
 *     reference  = now | n | epoch | (start | s | end | e) offset | seconds since 1970 | clock [day] | day [clock]
 *     clock      = HH | HH:MM, am or pm behind it | midnight | noon | teatime
 *     day        = today | yesterday | tomorrow | weekday | month-name D [YEAR] | MM/DD/[YY]YY | DD.MM.[YY]YY | YYYYMMDD
 *     offset     = (+ | -) N [unit] [N unit ...] ...                -5mon1w2d        -5h45min
 *
 * `m` is months after years, months, weeks and days, minutes after hours, minutes and seconds, and alone months below 6. Blanks, `_` and `,` separate.
 * Days, weeks, months and years move the calendar; hours, minutes and seconds move the instant.
 * Where rrdtool 1.7.2 strays from its manual this keeps to the manual: `epoch+N` is N, a date without a year is of this year, what cannot be read is refused.
 * Source: "AT-STYLE TIME SPECIFICATION" in rrdfetch(1); the rest by asking rrdtool.
 */

import { Malformed } from '../base/faults.js';
import { type WallClock, wallInstant, wallTime } from '../base/wall-clock.js';

/** A time as written: an instant, or a distance from the other end of a range. */
export type RrdTime =
  | { readonly from: 'instant'; readonly seconds: number }
  | { readonly from: 'start' | 'end'; readonly years: number; readonly months: number; readonly days: number; readonly seconds: number };

/** The day before the end: where every range of rrdtool begins unless told otherwise. */
export const dayBeforeEnd: RrdTime = { from: 'end', years: 0, months: 0, days: 0, seconds: -86_400 };

/** Reads a time. Throws Malformed. */
export function parseRrdTime(text: string, now: number, clock: WallClock): RrdTime {
  return new TimeWords(text, now, clock).read();
}

/** The instants of a range, each of which may be relative to the other; whole epoch seconds. Throws Malformed. */
export function resolveRrdRange(start: RrdTime, end: RrdTime, clock: WallClock): { start: number; end: number } {
  if (start.from === 'end' && end.from === 'start')
    throw new Malformed('the start and end times cannot be specified relative to each other');
  if (start.from === 'start') throw new Malformed('the start time cannot be specified relative to itself');
  if (end.from === 'end') throw new Malformed('the end time cannot be specified relative to itself');
  const from = start.from === 'instant' ? start.seconds : moved(start, instantOf(end), clock);
  const until = end.from === 'instant' ? end.seconds : moved(end, instantOf(start), clock);
  return { start: from, end: until };
}

function instantOf(time: RrdTime): number {
  if (time.from !== 'instant') throw new Malformed(`a time relative to the ${time.from} where an instant is needed`);
  return time.seconds;
}

/** The calendar is moved with the offset that held at the reference, summer or winter, as rrdtool does. */
function moved(time: Exclude<RrdTime, { from: 'instant' }>, reference: number, clock: WallClock): number {
  const wall = wallTime(clock, reference);
  const shifted = { ...wall, year: wall.year + time.years, month: wall.month + time.months, day: wall.day + time.days };
  return wallInstant(clock, shifted, clock.offsetSeconds(reference)) + time.seconds;
}

const months = ['january', 'february', 'march', 'april', 'may', 'june', 'july', 'august', 'september', 'october', 'november', 'december'];
const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const hoursOfDay = new Map([
  ['midnight', 0],
  ['noon', 12],
  ['teatime', 16],
]);
const daysFromToday = new Map([
  ['yesterday', -1],
  ['today', 0],
  ['tomorrow', 1],
]);
const references = new Map([
  ['s', 'start'],
  ['start', 'start'],
  ['e', 'end'],
  ['end', 'end'],
  ['epoch', 'epoch'],
  ['n', 'now'],
  ['now', 'now'],
]);
type Unit = 'years' | 'months' | 'days' | 'hours' | 'minutes' | 'seconds';
const unitWords = new Map<string, readonly [unit: Unit, times: number]>(
  (
    [
      ['seconds', 1, 'second seconds sec s'],
      ['minutes', 1, 'minute minutes min'],
      ['hours', 1, 'hour hours hr h'],
      ['days', 1, 'day days d'],
      ['days', 7, 'week weeks wk w'],
      ['months', 1, 'month months mon'],
      ['years', 1, 'year years yr y'],
    ] as const
  ).flatMap(([unit, times, words]) => words.split(' ').map((word) => [word, [unit, times]] as const)),
);
/** Numbers above this are epoch seconds: ten years. */
const epochSecondsLeast = 315_360_000;

class TimeWords {
  readonly #tokens: readonly string[];
  readonly #text: string;
  readonly #now: number;
  readonly #clock: WallClock;
  #at = 0;
  #wall: { year: number; month: number; day: number; hour: number; minute: number; second: number; weekday: number };
  /** Kept while only hours pass; set where epoch seconds were given, whose offset stays. */
  #offset: number | undefined;
  #moved = { years: 0, months: 0, days: 0, seconds: 0 };

  constructor(text: string, now: number, clock: WallClock) {
    this.#text = text;
    this.#now = now;
    this.#clock = clock;
    this.#wall = { ...wallTime(clock, now) };
    this.#tokens = text.toLowerCase().match(/\d+|[a-z]+|[^\s_,]/g) ?? [];
  }

  read(): RrdTime {
    const first = this.#peek();
    const reference = references.get(first);
    if (reference !== undefined) return this.#relative(reference);
    if (first === '') throw new Malformed('unparsable time: the text is empty');
    if (first !== '+' && first !== '-') this.#readMoment();
    this.#readOffsets();
    const { years, months: monthsMoved, days, seconds } = this.#moved;
    const wall = this.#wall;
    const shifted = { ...wall, year: wall.year + years, month: wall.month + monthsMoved, day: wall.day + days };
    const still = years === 0 && monthsMoved === 0 && days === 0 && (first === '+' || first === '-');
    return this.#instant((still ? this.#now : wallInstant(this.#clock, shifted, this.#offset)) + seconds);
  }

  #relative(reference: string): RrdTime {
    this.#at++;
    const next = this.#peek();
    const signed = next === '+' || next === '-';
    if (!signed && reference === 'now' && next !== '') throw new Malformed("if 'now' is followed by a token it must be +|- offset");
    if (!signed && reference !== 'now') throw new Malformed("'start' or 'end' MUST be followed by +|- offset");
    this.#readOffsets();
    const { years, months: monthsMoved, days, seconds } = this.#moved;
    if (reference === 'start' || reference === 'end') return { from: reference, ...this.#moved };
    if (reference === 'epoch') return this.#instant(Date.UTC(1970 + years, monthsMoved, 1 + days) / 1000 + seconds);
    if (years === 0 && monthsMoved === 0 && days === 0) return this.#instant(this.#now + seconds);
    const wall = this.#wall;
    const shifted = { ...wall, year: wall.year + years, month: wall.month + monthsMoved, day: wall.day + days };
    return this.#instant(wallInstant(this.#clock, shifted) + seconds);
  }

  #instant(seconds: number): RrdTime {
    if (!Number.isFinite(seconds)) throw new Malformed('the specified time is incorrect (out of range?)');
    return { from: 'instant', seconds };
  }

  /** A clock and a day, in either order. */
  #readMoment(): void {
    const first = this.#peek();
    const hour = hoursOfDay.get(first);
    if (hour !== undefined) {
      this.#at++;
      this.#setClock(hour, 0);
      this.#readDay();
      return;
    }
    if (monthIndex(first) >= 0) {
      this.#readDay();
      this.#readClock();
      return;
    }
    if (!/^\d/.test(first)) throw new Malformed(`unparsable time: ${this.#text}`);
    if (this.#readClock()) {
      this.#readDay();
      return;
    }
    const isEpoch = Number(first) > epochSecondsLeast;
    this.#readDay();
    // A date alone is its midnight; epoch seconds have their own clock.
    if (!isEpoch && !this.#readClock()) this.#setClock(0, 0);
  }

  /** Passes HH, HH:MM, with am or pm; false where no clock comes next. */
  #readClock(): boolean {
    const word = this.#peek();
    const [second, third, fourth] = [this.#peek(1), this.#peek(2), this.#peek(3)];
    if (!/^\d{1,2}$/.test(word) || second === '/' || second === '.') return false;
    let hour = Number(word);
    let minute = 0;
    let taken = 1;
    if (second === ':') {
      if (!/^\d+$/.test(third)) throw new Malformed('Parsing HH:MM syntax, expecting MM as number, got none');
      minute = Number(third);
      if (minute > 59) throw new Malformed(`parsing HH:MM syntax, got MM = ${minute} (>59!)`);
      taken = 3;
    }
    const half = taken === 3 ? fourth : second;
    if (half === 'am' || half === 'pm') {
      if (hour > 12) throw new Malformed('there cannot be more than 12 AM or PM hours');
      if (half === 'pm') hour = hour === 12 ? 12 : hour + 12;
      else hour = hour === 12 ? 0 : hour;
      taken++;
    } else if (hour > 23) return false;
    this.#at += taken;
    this.#setClock(hour, minute);
    return true;
  }

  #setClock(hour: number, minute: number): void {
    this.#wall.hour = hour;
    this.#wall.minute = minute;
    this.#wall.second = 0;
  }

  /** Passes a day where one comes next. */
  #readDay(): void {
    const word = this.#peek();
    const away = daysFromToday.get(word);
    const weekday = nameIndex(weekdays, word);
    const month = monthIndex(word);
    if (away !== undefined) {
      this.#at++;
      this.#wall.day += away;
    } else if (weekday >= 0) {
      this.#at++;
      this.#wall.day += weekday - this.#wall.weekday;
    } else if (month >= 0) {
      this.#at++;
      const day = this.#number('the day of the month should follow month name');
      const isYear = /^\d+$/.test(this.#peek()) && !/^(:|am|pm)$/.test(this.#peek(1));
      this.#setDate(day, month, isYear ? this.#number('') : undefined);
    } else if (/^\d/.test(word)) this.#readNumericDay(word);
  }

  #readNumericDay(word: string): void {
    const value = Number(word);
    this.#at++;
    if (value > epochSecondsLeast) {
      this.#wall = { ...wallTime(this.#clock, value) };
      this.#offset = this.#clock.offsetSeconds(value);
      return;
    }
    if (value > 19_700_101 && value < 24_000_101) {
      this.#setDate(Number(word.slice(6)), Number(word.slice(4, 6)) - 1, Number(word.slice(0, 4)));
      return;
    }
    const separator = this.#peek();
    if (value > 31 || (separator !== '/' && separator !== '.')) throw new Malformed(`did you really mean month ${value}?`);
    this.#at++;
    const second = this.#number(`there should be ${separator === '.' ? 'month' : 'day'} number after '${separator}'`);
    let year: number | undefined;
    if (this.#peek() === separator) {
      this.#at++;
      year = this.#number(`there should be year number after '${separator}'`);
    }
    if (separator === '/') this.#setDate(second, value - 1, year);
    else this.#setDate(value, second - 1, year);
  }

  #setDate(day: number, month: number, year: number | undefined): void {
    if (month < 0 || month > 11) throw new Malformed(`did you really mean month ${month + 1}?`);
    if (day < 1 || day > 31) throw new Malformed(`I'm afraid that ${day} is not a valid day of the month`);
    if (year !== undefined) {
      if (year > 138 && year <= 1970) throw new Malformed(`invalid year ${year} (should be either 00-99 or >1900)`);
      if (year >= 38 && year < 70) throw new Malformed("won't handle dates before epoch (01/01/1970), sorry");
      this.#wall.year = year > 1970 ? year : year + (year < 38 ? 2000 : 1900);
    }
    this.#wall.month = month;
    this.#wall.day = day;
  }

  #readOffsets(): void {
    let sign = this.#peek();
    while (sign === '+' || sign === '-') {
      this.#at++;
      const direction = sign === '+' ? 1 : -1;
      if (!/^\d/.test(this.#peek())) throw new Malformed(`There should be number after '${sign}'`);
      let before: Unit | undefined;
      while (/^\d/.test(this.#peek())) before = this.#readAmount(direction, before);
      sign = this.#peek();
    }
    if (sign !== '') throw new Malformed(`unparsable trailing text: '...${this.#tokens.slice(this.#at).join(' ')}'`);
  }

  #readAmount(direction: number, before: Unit | undefined): Unit {
    const amount = direction * this.#number('');
    const word = this.#peek();
    if (!/^[a-z]/.test(word)) {
      this.#moved.seconds += amount;
      return 'seconds';
    }
    this.#at++;
    const [unit, times] = word === 'm' ? ([monthsOrMinutes(before, amount), 1] as const) : (unitWords.get(word) ?? []);
    if (unit === undefined || times === undefined)
      throw new Malformed(`well-known time unit expected after ${Math.abs(amount)}, got '${word}'`);
    if (unit === 'years' || unit === 'months' || unit === 'days') this.#moved[unit] += amount * times;
    else this.#moved.seconds += amount * { hours: 3600, minutes: 60, seconds: 1 }[unit];
    return unit;
  }

  #number(complaint: string): number {
    const word = this.#peek();
    if (!/^\d{1,15}$/.test(word)) throw new Malformed(complaint === '' ? `the number ${word} is too large` : complaint);
    this.#at++;
    return Number(word);
  }

  #peek(ahead = 0): string {
    return this.#tokens[this.#at + ahead] ?? '';
  }
}

function monthsOrMinutes(before: Unit | undefined, amount: number): Unit {
  if (before === 'years' || before === 'months' || before === 'days') return 'months';
  if (before !== undefined) return 'minutes';
  return Math.abs(amount) < 6 ? 'months' : 'minutes';
}

function monthIndex(word: string): number {
  return nameIndex(months, word);
}

/** Whole names and their first three letters. */
function nameIndex(names: readonly string[], word: string): number {
  return names.findIndex((name) => name === word || name.slice(0, 3) === word);
}
