/**
 * The StatsD line grammar, on bytes: `name:value|type|@rate`, several lines a datagram. One function, five dialects in a literal table,
 * since the servers in use differ on purpose: etsy takes several `value|type` after one name and counts an unknown type as a counter;
 * DogStatsD packs values before the type, carries tags (`|#a:b,c`), a time (`|T1700000000`) and a container (`|c:id`), and has events
 * and service checks.
 *
 *   etsy        NAME ':' VALUE '|' TYPE ['|@' RATE] { ':' VALUE '|' TYPE ['|@' RATE] }
 *   dogstatsd   NAME ':' VALUE { ':' VALUE } '|' TYPE { '|' SECTION }       SECTION = '@' RATE, '#' TAGS, 'T' SECONDS, 'c:' ID, unknown
 *
 * Law: a line that cannot be read is rejected by cause and its neighbours are kept; nothing is stored as NaN or Infinity.
 * Sources: statsd/statsd's stats.js and helpers.js (behaviour), Datadog's "DogStatsD datagram format" 1.0-1.3.
 */

import { emptyHash, endedHash, hashedByte } from '../base/byte-table.js';
import { readNumber } from './byte-number.js';
import { isEvent, isServiceCheck } from './statsd-event.js';

/** Kinds of metric, as small numbers. */
export const metric = { counter: 0, gauge: 1, gaugeDelta: 2, timer: 3, histogram: 4, distribution: 5, set: 6 } as const;
export type MetricKind = (typeof metric)[keyof typeof metric];

export type StatsdCause = 'name' | 'value' | 'type' | 'sample-rate' | 'section' | 'event' | 'too-long';

/** How a server of that name reads its lines. */
export interface StatsdDialect {
  readonly name: string;
  /** Sections after the type: tags, times, several values before one type. */
  readonly sections: boolean;
  /** `+5` and `-5` change a gauge instead of setting it. */
  readonly gaugeDeltas: boolean;
  /** An unknown type is a counter (etsy), or a reject. */
  readonly unknownIsCounter: boolean;
  /** Empty values and sections are passed over; else the line is rejected. */
  readonly emptyIsSkipped: boolean;
  /** A sign before the value of anything but a gauge or a counter is rejected. */
  readonly signRefused: boolean;
  /** Timers below zero are rejected. */
  readonly negativeTimerRefused: boolean;
}

const base = { gaugeDeltas: false, unknownIsCounter: false, emptyIsSkipped: true, signRefused: false, negativeTimerRefused: false };

/** Every dialect by its name. */
export const statsdDialects: Readonly<Record<string, StatsdDialect>> = {
  etsy: { ...base, name: 'etsy', sections: false, gaugeDeltas: true, unknownIsCounter: true, negativeTimerRefused: true },
  dogstatsd: { ...base, name: 'dogstatsd', sections: true },
  gostatsd: { ...base, name: 'gostatsd', sections: true },
  veneur: { ...base, name: 'veneur', sections: true, emptyIsSkipped: false },
  telegraf: { ...base, name: 'telegraf', sections: true, gaugeDeltas: true, signRefused: true },
};

/** What a parser hands over. Offsets are into the bytes that were given; they hold until the call returns. */
export interface StatsdSink {
  /** A number. `rate` in (0, 1] or above; `seconds` is NaN unless the line carries its time; an empty tag range has start = end. */
  readonly number: (kind: MetricKind, nameStart: number, nameEnd: number, value: number, rate: number, line: StatsdLine) => void;
  /**
   * The line that most are, `NAME:DIGITS|c`: `hash` is that of the name (`base/byte-table.ts`). False when the taker does not know the name yet: the line is then
   * read as any other.
   */
  readonly count?: (nameStart: number, nameEnd: number, hash: number, value: number) => boolean;
  /** A member of a set. */
  readonly member: (nameStart: number, nameEnd: number, member: string, line: StatsdLine) => void;
  /** An event or a service check (checked, counted, not kept as a number). */
  readonly event: (start: number, end: number) => void;
  readonly reject: (cause: StatsdCause, start: number, end: number) => void;
}

/** What else a line holds. One object is used again for every line. */
export interface StatsdLine {
  tagStart: number;
  tagEnd: number;
  seconds: number;
}

const colon = 58;
const bar = 124;
const lineScratch: StatsdLine = { tagStart: 0, tagEnd: 0, seconds: Number.NaN };

/** Reads the lines in `[start, end)`; returns how many there were (rejected ones included, empty ones not). */
export function parseStatsd(bytes: Uint8Array, start: number, end: number, dialect: StatsdDialect, sink: StatsdSink): number {
  let count = 0;
  let at = start;
  while (at < end) {
    const counted = sink.count === undefined ? -1 : parseCount(bytes, at, end, sink.count);
    if (counted >= 0) {
      count++;
      at = counted + 1;
      continue;
    }
    const stop = find(bytes, 10, at, end);
    let last = stop;
    if (last > at && bytes[last - 1] === 13) last--;
    if (last > at) {
      count++;
      if (dialect.sections) parseDogLine(bytes, at, last, dialect, sink);
      else parseEtsyLine(bytes, at, last, dialect, sink);
    }
    at = stop + 1;
  }
  return count;
}

// Reads a line that is a whole count and nothing else, in one pass; returns where its line end stands (or `end`), -1 when it is another line.
function parseCount(bytes: Uint8Array, start: number, end: number, count: NonNullable<StatsdSink['count']>): number {
  let hash = emptyHash;
  let at = start;
  for (; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte === colon) break;
    if (byte === 10) return -1;
    hash = hashedByte(hash, byte);
  }
  const nameEnd = at++;
  const first = at;
  let value = 0;
  for (; at < end; at++) {
    const digit = (bytes[at] as number) - 48;
    if (!(digit >= 0 && digit <= 9)) break;
    value = value * 10 + digit;
  }
  if (nameEnd === start || at === first || at - first > 15 || at + 2 > end) return -1;
  if (bytes[at] !== bar || bytes[at + 1] !== 99) return -1;
  at += 2;
  if (at < end && bytes[at] === 13) at++;
  if (at < end && bytes[at] !== 10) return -1;
  return count(start, nameEnd, endedHash(hash), value) ? at : -1;
}

function parseEtsyLine(bytes: Uint8Array, start: number, end: number, dialect: StatsdDialect, sink: StatsdSink): void {
  const nameEnd = find(bytes, colon, start, end);
  if (nameEnd >= end) return sink.reject('value', start, end);
  if (nameEnd === start) return sink.reject('name', start, end);
  lineScratch.tagStart = lineScratch.tagEnd = 0;
  lineScratch.seconds = Number.NaN;
  let at = nameEnd + 1;
  while (at <= end) {
    const stop = find(bytes, colon, at, end);
    parseEtsyValue(bytes, start, nameEnd, at, stop, dialect, sink);
    at = stop + 1;
  }
}

function parseEtsyValue(
  bytes: Uint8Array,
  nameStart: number,
  nameEnd: number,
  start: number,
  end: number,
  dialect: StatsdDialect,
  sink: StatsdSink,
): void {
  const valueEnd = find(bytes, bar, start, end);
  if (valueEnd >= end) return sink.reject('type', nameStart, end);
  const typeEnd = find(bytes, bar, valueEnd + 1, end);
  let rate = 1;
  if (typeEnd < end) {
    const rateEnd = find(bytes, bar, typeEnd + 1, end);
    rate = bytes[typeEnd + 1] === 64 ? readNumber(bytes, typeEnd + 2, rateEnd) : Number.NaN;
    if (!(rate > 0)) return sink.reject('sample-rate', nameStart, end);
  }
  const kind = kindOf(bytes, valueEnd + 1, typeEnd, dialect);
  if (kind < 0) return sink.reject('type', nameStart, end);
  emit(bytes, kind as MetricKind, nameStart, nameEnd, start, valueEnd, rate, dialect, sink, nameStart, end);
}

function parseDogLine(bytes: Uint8Array, start: number, end: number, dialect: StatsdDialect, sink: StatsdSink): void {
  if (bytes[start] === 95 && (bytes[start + 1] === 101 || bytes[start + 1] === 115)) {
    if (bytes[start + 1] === 101 && bytes[start + 2] === 123) {
      return isEvent(bytes, start, end) ? sink.event(start, end) : sink.reject('event', start, end);
    }
    if (bytes[start + 2] === 99 && bytes[start + 3] === bar) {
      return isServiceCheck(bytes, start, end) ? sink.event(start, end) : sink.reject('event', start, end);
    }
  }
  const nameEnd = find(bytes, colon, start, end);
  if (nameEnd >= end) return sink.reject('value', start, end);
  if (nameEnd === start) return sink.reject('name', start, end);
  const valueEnd = find(bytes, bar, nameEnd + 1, end);
  if (valueEnd >= end) return sink.reject('type', start, end);
  const typeEnd = find(bytes, bar, valueEnd + 1, end);
  const kind = kindOf(bytes, valueEnd + 1, typeEnd, dialect);
  if (kind < 0) return sink.reject('type', start, end);
  lineScratch.tagStart = lineScratch.tagEnd = 0;
  lineScratch.seconds = Number.NaN;
  const rate = typeEnd < end ? readSections(bytes, typeEnd + 1, end, dialect) : 1;
  if (rate < 0) return sink.reject(rate === -1 ? 'sample-rate' : 'section', start, end);
  if (kind === metric.set) {
    emit(bytes, kind, start, nameEnd, nameEnd + 1, valueEnd, rate, dialect, sink, start, end);
    return;
  }
  let at = nameEnd + 1;
  while (at <= valueEnd) {
    const stop = find(bytes, colon, at, valueEnd);
    const single = at === nameEnd + 1 && stop === valueEnd;
    if (stop > at || single || !dialect.emptyIsSkipped) {
      emit(bytes, kind as MetricKind, start, nameEnd, at, stop, rate, dialect, sink, start, end);
    }
    at = stop + 1;
  }
}

// Returns the sample rate; -1 for a bad one, -2 for a section that is not allowed.
function readSections(bytes: Uint8Array, start: number, end: number, dialect: StatsdDialect): number {
  let rate = 1;
  let rates = 0;
  let at = start;
  while (at <= end) {
    const stop = find(bytes, bar, at, end);
    if (stop === at) {
      if (!dialect.emptyIsSkipped) return -2;
    } else if (bytes[at] === 64) {
      rate = readNumber(bytes, at + 1, stop);
      if (!(rate > 0) || ++rates > 1) return -1;
    } else if (bytes[at] === 35) {
      lineScratch.tagStart = at + 1;
      lineScratch.tagEnd = stop;
    } else if (bytes[at] === 84) {
      lineScratch.seconds = readNumber(bytes, at + 1, stop);
      if (!(lineScratch.seconds >= 0)) return -2;
    }
    at = stop + 1;
  }
  return rate;
}

function emit(
  bytes: Uint8Array,
  kind: MetricKind,
  nameStart: number,
  nameEnd: number,
  start: number,
  end: number,
  rate: number,
  dialect: StatsdDialect,
  sink: StatsdSink,
  lineStart: number,
  lineEnd: number,
): void {
  const first = start < end ? bytes[start] : 0;
  const signed = first === 43 || first === 45;
  if (signed && dialect.signRefused && kind >= metric.timer) return sink.reject('value', lineStart, lineEnd);
  if (kind === metric.set) {
    if (start === end && !dialect.unknownIsCounter) return sink.reject('value', lineStart, lineEnd);
    return sink.member(nameStart, nameEnd, start === end ? '0' : Buffer.from(bytes.subarray(start, end)).toString('utf8'), lineScratch);
  }
  const value = readNumber(bytes, start, end);
  if (Number.isNaN(value)) return sink.reject('value', lineStart, lineEnd);
  if (kind === metric.timer && value < 0 && dialect.negativeTimerRefused) return sink.reject('value', lineStart, lineEnd);
  const actual = kind === metric.gauge && signed && dialect.gaugeDeltas ? metric.gaugeDelta : kind;
  sink.number(actual, nameStart, nameEnd, value, rate, lineScratch);
}

function kindOf(bytes: Uint8Array, start: number, end: number, dialect: StatsdDialect): MetricKind | -1 {
  let last = end;
  while (last > start && (bytes[last - 1] as number) <= 32) last--;
  const first = bytes[start];
  if (last - start === 1) {
    if (first === 99) return metric.counter;
    if (first === 103) return metric.gauge;
    if (first === 115) return metric.set;
    if (first === 104) return metric.histogram;
    if (first === 100 && !dialect.unknownIsCounter) return metric.distribution;
  } else if (last - start === 2 && first === 109 && bytes[start + 1] === 115) return metric.timer;
  return dialect.unknownIsCounter ? metric.counter : -1;
}

function find(bytes: Uint8Array, byte: number, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== byte) at++;
  return at;
}
