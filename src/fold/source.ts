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

const wrap32 = 2 ** 32;
const wrap64 = 2 ** 64 - 2 ** 32;

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
      let grown = difference(reading, last);
      if (type === 'COUNTER' && grown < 0) grown += wrap32;
      if (type === 'COUNTER' && grown < 0) grown += wrap64;
      return grown / seconds;
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

function difference(reading: string, last: string): number {
  if (!/^-?\d+$/.test(last)) return Number.NaN;
  if (reading.length < 16 && last.length < 16) return Number(reading) - Number(last);
  return Number(BigInt(reading) - BigInt(last));
}

const decimal = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

// A number as C's strtod takes it.
function numberOf(text: string): number {
  if (decimal.test(text)) return Number(text);
  const word = /^([-+]?)(inf|infinity|nan)$/i.exec(text);
  if (word === null) {
    const taken = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?/i.exec(text)?.[0] ?? '';
    throw new Malformed(`conversion of '${text.slice(0, 100)}' to float not complete: tail '${text.slice(taken.length, 100)}'`);
  }
  if (/nan/i.test(text)) return Number.NaN;
  return word[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}
