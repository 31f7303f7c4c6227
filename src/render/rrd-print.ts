/**
 * Figures as RRDtool's PRINT writes them: a number by a printf format, with a magnitude (`%s`, `%S`) if wished; a time by strftime in the C locale; a duration.
 * Source: rrdgraph_graph(1), "PRINT"; strftime(3); what they leave open by asking rrdtool.
 */

import { formatE, formatG } from '../base/number.js';
import { type WallClock, wallTime } from '../base/wall-clock.js';
import type { PrintStatement } from '../query/rrd-script.js';
import type { VdefValue } from '../query/vdef.js';

const magnitudes = ['a', 'f', 'p', 'n', 'u', 'm', ' ', 'k', 'M', 'G', 'T', 'P', 'E'];

/** Prints the figures of a script one after the other: `%S` takes the magnitude that came before it. */
export class RrdPrinter {
  readonly #base: number;
  readonly #clock: WallClock;
  readonly #zoneName: (epochSeconds: number) => string;
  #magnitude: { readonly factor: number; readonly symbol: string } | undefined;

  constructor(base: number, clock: WallClock, zoneName: (epochSeconds: number) => string) {
    this.#base = base;
    this.#clock = clock;
    this.#zoneName = zoneName;
  }

  print({ format, as }: PrintStatement, { value, time }: VdefValue): string {
    if (as === 'strftime') return time === undefined ? noTime(format) : formatTime(format, time, this.#clock, this.#zoneName);
    if (as === 'valstrftime') return Number.isFinite(value) ? formatTime(format, Math.trunc(value), this.#clock, this.#zoneName) : '-';
    if (as === 'valstrfduration') return Number.isFinite(value) ? formatDuration(format, value) : '-';
    return this.#number(format, value);
  }

  #number(format: string, value: number): string {
    const own = format.includes('%s');
    let { factor, symbol } = { factor: 1, symbol: '' };
    if (own || format.includes('%S')) {
      const made = own || this.#magnitude === undefined ? this.#magnitudeOf(value) : this.#magnitude;
      // Of a %S the magnitude of a zero is not kept.
      if (own || value !== 0) this.#magnitude = made;
      ({ factor, symbol } = made);
    }
    return format.replace(
      /%([-+ 0#]?)(\d*)(?:\.(\d+))?l([eEfFgG])|%%|%[sS]/g,
      (word, flag: string, width: string, precision: string, kind: string) => {
        if (word === '%%') return '%';
        if (word === '%s' || word === '%S') return symbol;
        return printed(value / factor, flag, Number(width), precision === undefined ? 6 : Number(precision), kind);
      },
    );
  }

  #magnitudeOf(value: number): { factor: number; symbol: string } {
    if (value === 0 || Number.isNaN(value)) return { factor: 1, symbol: ' ' };
    if (!Number.isFinite(value)) return { factor: 1, symbol: '?' };
    const power = Math.floor(Math.log(Math.abs(value)) / Math.log(this.#base));
    return { factor: this.#base ** power, symbol: magnitudes[power + 6] ?? '?' };
  }
}

/** One conversion of C's printf. */
function printed(value: number, flag: string, width: number, precision: number, kind: string): string {
  const size = Math.abs(value);
  const lower = kind.toLowerCase();
  const digits = Math.min(precision, 100);
  const plain = !Number.isFinite(size)
    ? Number.isNaN(size)
      ? 'nan'
      : 'inf'
    : lower === 'f'
      ? fixed(size, digits)
      : lower === 'e'
        ? formatE(size, digits)
        : formatG(size, digits);
  const sign = value < 0 || Object.is(value, -0) || Number.isNaN(value) ? '-' : flag === '+' || flag === ' ' ? flag : '';
  const text = lower === kind ? plain : plain.toUpperCase();
  if (flag === '-') return `${sign}${text}`.padEnd(width);
  if (flag === '0' && Number.isFinite(size)) return sign + text.padStart(width - sign.length, '0');
  return `${sign}${text}`.padStart(width);
}

/** `toFixed` beyond 1e21 too, where it turns to exponents. */
function fixed(size: number, digits: number): string {
  return size < 1e21 ? size.toFixed(digits) : `${BigInt(size)}${digits === 0 ? '' : `.${'0'.repeat(digits)}`}`;
}

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];

/** strftime in the C locale. */
export function formatTime(format: string, epochSeconds: number, clock: WallClock, zoneName: (epochSeconds: number) => string): string {
  const wall = wallTime(clock, epochSeconds);
  const two = (value: number, pad = '0'): string => String(value).padStart(2, pad);
  const [day, month] = [days[wall.weekday] ?? '', months[wall.month] ?? ''];
  const yearDay = Math.round((Date.UTC(wall.year, wall.month, wall.day) - Date.UTC(wall.year, 0, 1)) / 86_400_000);
  const week = isoWeek(wall.year, yearDay, wall.weekday);
  const hour12 = wall.hour % 12 === 0 ? 12 : wall.hour % 12;
  const offset = clock.offsetSeconds(epochSeconds) / 60;
  const clockTime = `${two(wall.hour)}:${two(wall.minute)}:${two(wall.second)}`;
  const date = `${two(wall.month + 1)}/${two(wall.day)}/${two(wall.year % 100)}`;
  const words: Readonly<Record<string, string>> = {
    ...{ a: day.slice(0, 3), A: day, b: month.slice(0, 3), B: month, h: month.slice(0, 3) },
    c: `${day.slice(0, 3)} ${month.slice(0, 3)} ${two(wall.day, ' ')} ${clockTime} ${wall.year}`,
    ...{
      C: two(Math.floor(wall.year / 100)),
      d: two(wall.day),
      D: date,
      e: two(wall.day, ' '),
      F: `${wall.year}-${two(wall.month + 1)}-${two(wall.day)}`,
    },
    ...{ g: two(week.year % 100), G: String(week.year), H: two(wall.hour), I: two(hour12), j: String(yearDay + 1).padStart(3, '0') },
    ...{
      k: two(wall.hour, ' '),
      l: two(hour12, ' '),
      m: two(wall.month + 1),
      M: two(wall.minute),
      n: '\n',
      t: '\t',
      p: wall.hour < 12 ? 'AM' : 'PM',
    },
    ...{
      r: `${two(hour12)}:${two(wall.minute)}:${two(wall.second)} ${wall.hour < 12 ? 'AM' : 'PM'}`,
      R: `${two(wall.hour)}:${two(wall.minute)}`,
    },
    ...{
      s: String(epochSeconds),
      S: two(wall.second),
      T: clockTime,
      u: String(wall.weekday === 0 ? 7 : wall.weekday),
      w: String(wall.weekday),
    },
    ...{
      U: two(Math.floor((yearDay + 7 - wall.weekday) / 7)),
      W: two(Math.floor((yearDay + 7 - ((wall.weekday + 6) % 7)) / 7)),
      V: two(week.week),
    },
    ...{ x: date, X: clockTime, y: two(wall.year % 100), Y: String(wall.year), Z: zoneName(epochSeconds), '%': '%' },
    z: `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`,
  };
  return format.replace(/%(.)/gs, (word, letter: string) => (Object.hasOwn(words, letter) ? (words[letter] ?? word) : word));
}

/** A time that there is not: dashes where its digits would be. */
function noTime(format: string): string {
  const widths: Readonly<Record<string, string>> = {
    ...{ D: '--/--/--', F: '----------', G: '----', Y: '----', j: '---', R: '--:--', T: '--:--:--', '%': '%', n: '\n', t: '\t' },
    ...Object.fromEntries([...'dgHImMSUVWy'].map((letter) => [letter, '--'])),
  };
  return format.replace(/%(.)/gs, (_, letter: string) => (Object.hasOwn(widths, letter) ? (widths[letter] ?? '-') : '-'));
}

/** The week of ISO 8601: the one that has the year's first Thursday is the first. */
function isoWeek(year: number, yearDay: number, weekday: number): { year: number; week: number } {
  const thursday = yearDay - ((weekday + 6) % 7) + 3;
  const daysOf = (which: number): number => (new Date(Date.UTC(which, 1, 29)).getUTCMonth() === 1 ? 366 : 365);
  if (thursday < 0) return { year: year - 1, week: Math.floor((thursday + daysOf(year - 1)) / 7) + 1 };
  if (thursday >= daysOf(year)) return { year: year + 1, week: 1 };
  return { year, week: Math.floor(thursday / 7) + 1 };
}

/** Milliseconds by `%W %d %D %h %H %m %M %s %S %f`, cut off, not rounded. */
function formatDuration(format: string, value: number): string {
  const ms = Math.abs(value);
  const units: Readonly<Record<string, readonly [unitMs: number, modulus: number]>> = {
    ...{ W: [604_800_000, 0], d: [86_400_000, 7], D: [86_400_000, 0], h: [3_600_000, 24], H: [3_600_000, 0] },
    ...{ m: [60_000, 60], M: [60_000, 0], s: [1000, 60], S: [1000, 0], f: [1, 1000] },
  };
  const text = format.replace(
    /%(0?)(\d{0,3})(?:\.(\d{1,2}))?([WdDhHmMsSf%])/g,
    (_, zero: string, width: string, precision: string, letter: string) => {
      if (letter === '%') return '%';
      const [unitMs, modulus] = units[letter] ?? [1, 0];
      const count = modulus === 0 ? ms / unitMs : (ms / unitMs) % modulus;
      const decimals = precision === undefined ? 0 : Number(precision);
      const cut = Math.floor(count * 10 ** decimals) / 10 ** decimals;
      return cut.toFixed(decimals).padStart(Number(width), zero === '0' ? '0' : ' ');
    },
  );
  return value < 0 ? `-${text}` : text;
}
