/**
 * How a reading of a source becomes a rate that held since the reading before it: RRDtool's source types.
 *
 *   GAUGE     the reading                                     COUNTER   the difference a second; one below the last is a counter that wrapped (32, then 64 bits)
 *   ABSOLUTE  the reading a second: it was reset when read     DERIVE    the difference a second, up or down
 *   DCOUNTER, DDERIVE  the same for numbers with decimals; DCOUNTER: one that turns back was reset, and its rate is unknown
 *
 * Law: NaN is unknown: no reading before (of differences), an interval longer than the heartbeat, an explicit `U` or `nan`, a rate out of bounds.
 * Source: the manual pages rrdcreate(1), rrdupdate(1), and how rrdtool 1.7.2 behaves.
 */

import { Malformed } from '../base/faults.js';

export type SourceType = 'GAUGE' | 'COUNTER' | 'DERIVE' | 'ABSOLUTE' | 'COMPUTE' | 'DCOUNTER' | 'DDERIVE';

export interface SourceRule {
  readonly type: SourceType;
  /** Seconds. */
  readonly heartbeat: number;
  readonly min: number;
  readonly max: number;
}

// rrdtool adds 2^32 - 1 where a counter of 32 bits wrapped: one count less than it grew. Its numbers are kept.
const wrap32 = 2 ** 32 - 1;
const wrap64 = 2n ** 64n - 2n ** 32n;

/** The rate over an interval that a reading ends, `last` being the one before it as text. Throws Malformed for a reading of another shape. */
export function rateOf(rule: SourceRule, last: string, reading: string, intervalMs: number): number {
  if (intervalMs > rule.heartbeat * 1000 || isUnknown(reading)) return Number.NaN;
  const seconds = intervalMs / 1000;
  const rate = rateWithin(rule.type, last, reading, seconds);
  return rate > rule.max || rate < rule.min ? Number.NaN : rate;
}

function rateWithin(type: SourceType, last: string, reading: string, seconds: number): number {
  switch (type) {
    case 'GAUGE':
      return numberOf(reading);
    case 'ABSOLUTE':
      return numberOf(reading) / seconds;
    case 'COUNTER':
    case 'DERIVE': {
      if (!(type === 'COUNTER' ? /^\d+$/ : /^-?\d+$/).test(reading))
        throw new Malformed(`not a simple ${type === 'COUNTER' ? 'unsigned' : 'signed'} integer: '${reading}'`);
      return difference(reading, last, type === 'COUNTER') / seconds;
    }
    case 'DCOUNTER':
    case 'DDERIVE': {
      const grown = numberOf(reading) - (isUnknown(last) ? Number.NaN : Number(last));
      return type === 'DCOUNTER' && grown < 0 ? Number.NaN : grown / seconds;
    }
    case 'COMPUTE':
      return Number.NaN;
  }
}

/** Whether a reading says that nothing is known. */
export function isUnknown(reading: string): boolean {
  return reading === '' || reading.startsWith('U');
}

// Whole numbers of any length are exact; a counter that is below its last value has wrapped at 32 bits, else at 64.
function difference(reading: string, last: string, wraps: boolean): number {
  if (!/^-?\d+$/.test(last)) return Number.NaN;
  if (reading.length < 16 && last.length < 16) {
    const grown = Number(reading) - Number(last);
    if (grown >= 0 || !wraps) return grown;
    if (grown + wrap32 >= 0) return grown + wrap32;
  }
  let grown = BigInt(reading) - BigInt(last);
  if (wraps && grown < 0n) grown += BigInt(wrap32);
  if (wraps && grown < 0n) grown += wrap64;
  return Number(grown);
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

const decimal = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

// Digits with a point or none, at most fifteen: both numbers of the quotient are exact, and so it is rounded once. NaN for another shape.
function plainNumber(text: string): number {
  let [value, scale, isFraction] = [0, 1, false];
  const { length } = text;
  if (length === 0 || length > 15) return Number.NaN;
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (isDigit(code)) {
      value = value * 10 + code - 48;
      if (isFraction) scale *= 10;
    } else if (code === 46 && !isFraction && at > 0 && at < length - 1) isFraction = true;
    else return Number.NaN;
  }
  return value / scale;
}

// A number as C's strtod takes it.
function numberOf(text: string): number {
  const plain = plainNumber(text);
  if (!Number.isNaN(plain)) return plain;
  const quick = isDigit(text.charCodeAt(text.length - 1)) && isDigit(text.charCodeAt(0)) ? Number(text) : Number.NaN;
  if (!Number.isNaN(quick)) return quick;
  if (decimal.test(text)) return Number(text);
  const word = /^([-+]?)(inf|infinity|nan)$/i.exec(text);
  if (word === null) {
    const taken = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?/i.exec(text)?.[0] ?? '';
    throw new Malformed(`conversion of '${text.slice(0, 100)}' to float not complete: tail '${text.slice(taken.length, 100)}'`);
  }
  if (/nan/i.test(text)) return Number.NaN;
  return word[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}
