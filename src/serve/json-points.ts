/**
 * Graphite's JSON of series, written as bytes: numbers of few digits without a string in between, labels of one range once. The text is the one that
 * JSON.stringify would give for each number, with the blanks that Graphite's own answer has.
 */

import { pointsOf } from '../query/consolidate.js';
import type { Series } from '../query/series.js';

const zero = 48;
const minus = 45;
const dot = 46;
/** Bytes that one number takes at most. */
const numberSizeMax = 32;

/** `[{"target": ..., "tags": {...}, "datapoints": [[value, time], ...]}, ...]`; without unknown values where `noNulls` says so. */
export function jsonSeries(series: readonly Series[], maxDataPoints: number | undefined, noNulls: boolean): Uint8Array {
  const span = {
    start: series.reduce((least, one) => Math.min(least, one.start), Number.POSITIVE_INFINITY),
    end: series.reduce((most, one) => Math.max(most, one.end), Number.NEGATIVE_INFINITY),
  };
  const text = new TextBytes();
  let labels = labelsOf([]);
  text.put('[');
  let isFirst = true;
  for (const one of series) {
    const { times, values } = pointsOf(one, maxDataPoints, span);
    if (noNulls && values.every(Number.isNaN)) continue;
    if (!labels.fits(times)) labels = labelsOf(times);
    text.put(`${isFirst ? '' : ', '}{"target": ${JSON.stringify(one.name)}, "tags": ${tagsText(one.tags)}, "datapoints": [`);
    isFirst = false;
    text.putPoints(values, labels, noNulls);
    text.put(']}');
  }
  text.put(']');
  return text.taken();
}

/** Tags as JSON, with Graphite's blanks. */
export function tagsText(tags: Readonly<Record<string, string>>): string {
  return `{${Object.entries(tags)
    .map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`)
    .join(', ')}}`;
}

/** A number as JSON; infinite ones as the numbers that are read back as such. */
export function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'null' : value > 0 ? '1e9999' : '-1e9999';
}

interface Labels {
  readonly bytes: Uint8Array;
  readonly ends: Int32Array;
  readonly fits: (times: readonly number[]) => boolean;
}

// `, TIME]` of every slot, one after the other.
function labelsOf(times: readonly number[]): Labels {
  const texts = times.map((time) => `, ${time}]`);
  const ends = new Int32Array(times.length);
  let end = 0;
  texts.forEach((text, index) => {
    end += text.length;
    ends[index] = end;
  });
  const [first, last, count] = [times[0], times.at(-1), times.length];
  const fits = (other: readonly number[]): boolean =>
    other === times || (other.length === count && other[0] === first && other.at(-1) === last);
  return { bytes: Buffer.from(texts.join(''), 'latin1'), ends, fits };
}

class TextBytes {
  #bytes = Buffer.allocUnsafe(65_536);
  #at = 0;

  taken(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  put(text: string): void {
    this.#room(text.length * 3);
    this.#at += this.#bytes.write(text, this.#at);
  }

  putPoints(values: Float64Array, labels: Labels, noNulls: boolean): void {
    this.#room(values.length * (numberSizeMax + 3) + labels.bytes.length);
    const bytes = this.#bytes;
    let at = this.#at;
    let isFirst = true;
    for (let slot = 0; slot < values.length; slot++) {
      const value = values[slot] as number;
      if (noNulls && Number.isNaN(value)) continue;
      if (!isFirst) {
        bytes[at++] = 44;
        bytes[at++] = 32;
      }
      isFirst = false;
      bytes[at++] = 91;
      at = putNumber(bytes, at, value);
      const end = labels.ends[slot] as number;
      for (let from = slot === 0 ? 0 : (labels.ends[slot - 1] as number); from < end; from++) bytes[at++] = labels.bytes[from] as number;
    }
    this.#at = at;
  }

  #room(size: number): void {
    if (this.#at + size <= this.#bytes.length) return;
    const wider = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + size));
    this.#bytes.copy(wider, 0, 0, this.#at);
    this.#bytes = wider;
  }
}

// Numbers of up to nine digits with at most three behind the point by hand; the others by the engine.
function putNumber(bytes: Buffer, start: number, value: number): number {
  let at = start;
  const size = Math.abs(value);
  if (size < 1e6) {
    const thousandths = Math.round(size * 1000);
    if (thousandths / 1000 === size && !Object.is(value, -0)) {
      if (value < 0) bytes[at++] = minus;
      const whole = (thousandths / 1000) | 0;
      at = putDigits(bytes, at, whole);
      let rest = thousandths - whole * 1000;
      if (rest === 0) return at;
      bytes[at++] = dot;
      for (let unit = 100; rest > 0; unit /= 10) {
        const digit = (rest / unit) | 0;
        bytes[at++] = zero + digit;
        rest -= digit * unit;
      }
      return at;
    }
  }
  return at + bytes.write(Object.is(value, -0) ? '0' : numberText(value), at, 'latin1');
}

function putDigits(bytes: Buffer, start: number, value: number): number {
  let size = 1;
  for (let bound = 10; value >= bound; bound *= 10) size++;
  let left = value;
  for (let at = start + size - 1; at >= start; at--) {
    const next = (left / 10) | 0;
    bytes[at] = zero + left - next * 10;
    left = next;
  }
  return start + size;
}
