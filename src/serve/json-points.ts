/**
 * Graphite's JSON of series, written as bytes: points by a kernel (`json-points.as.ts`), labels of one range once. The text is the one that
 * JSON.stringify would give for each number, with the blanks that Graphite's own answer has.
 */

import { readFileSync } from 'node:fs';
import { pointsOf } from '../query/consolidate.js';
import type { Series } from '../query/series.js';

/** Bytes that a point mostly takes, and what is around the points of a series. */
const pointSizeGuess = 22;
const seriesSizeGuess = 300;

/** `[{"target": ..., "tags": {...}, "datapoints": [[value, time], ...]}, ...]`; without unknown values where `noNulls` says so. */
export function jsonSeries(series: readonly Series[], maxDataPoints: number | undefined, noNulls: boolean): Uint8Array {
  const span = {
    start: series.reduce((least, one) => Math.min(least, one.start), Number.POSITIVE_INFINITY),
    end: series.reduce((most, one) => Math.max(most, one.end), Number.NEGATIVE_INFINITY),
  };
  const points = series.reduce((sum, one) => sum + Math.min(one.values.length, maxDataPoints ?? one.values.length), 0);
  const text = new TextBytes(Math.min(1 << 28, 1024 + points * pointSizeGuess + series.length * seriesSizeGuess));
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

// `, TIME]` of every slot: 24 bytes each, as the kernel wants them, and how many of them count.
interface Labels {
  readonly bytes: Uint8Array;
  readonly sizes: Uint8Array;
  readonly fits: (times: readonly number[]) => boolean;
}

const labelSizeMax = 24;

function labelsOf(times: readonly number[]): Labels {
  const bytes = Buffer.alloc(times.length * labelSizeMax);
  const sizes = new Uint8Array(times.length);
  for (let slot = 0; slot < times.length; slot++) {
    const time = times[slot] as number;
    const isPlain = time >= 1e9 && time < 1e10 && Number.isInteger(time);
    sizes[slot] = isPlain
      ? putPlain(bytes, slot * labelSizeMax, time)
      : bytes.write(`, ${time}]`, slot * labelSizeMax, labelSizeMax, 'latin1');
  }
  const [first, last, count] = [times[0], times.at(-1), times.length];
  const fits = (other: readonly number[]): boolean =>
    other === times || (other.length === count && other[0] === first && other.at(-1) === last);
  return { bytes, sizes, fits };
}

// The label of a time of ten digits.
function putPlain(bytes: Buffer, at: number, time: number): number {
  bytes[at] = 44;
  bytes[at + 1] = 32;
  // The first five digits and the last five, each within 32 bits.
  const high = Math.floor(time / 1e5);
  putDigits(bytes, at + 2, high);
  putDigits(bytes, at + 7, time - high * 1e5);
  bytes[at + 12] = 93;
  return 13;
}

function putDigits(bytes: Buffer, at: number, value: number): void {
  let left = value;
  for (let to = at + 4; to >= at; to--) {
    const next = (left / 10) | 0;
    bytes[to] = 48 + left - next * 10;
    left = next;
  }
}

class TextBytes {
  #bytes: Buffer;
  #at = 0;

  constructor(sizeGuess: number) {
    this.#bytes = Buffer.allocUnsafe(sizeGuess);
  }

  taken(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  put(text: string): void {
    this.#room(text.length * 3);
    this.#at += this.#bytes.write(text, this.#at);
  }

  putPoints(values: Float64Array, labels: Labels, noNulls: boolean): void {
    let isFirst = true;
    for (let run = 0; run < values.length; run += runSlots) {
      const count = Math.min(runSlots, values.length - run);
      setRun(values.subarray(run, run + count), labels, run);
      for (let slot = 0; slot < count; slot++) {
        const size = kernel.writePoints(slot, count, isFirst ? 1 : 0, noNulls ? 1 : 0);
        this.#room(size + 100);
        this.#bytes.set(memory.subarray(kernel.OUT.value, kernel.OUT.value + size), this.#at);
        this.#at += size;
        if (size > 0) isFirst = false;
        slot = kernel.stoppedAt.value;
        if (slot < count) {
          // The engine writes what the kernel does not.
          const label = labels.bytes.subarray(
            (run + slot) * labelSizeMax,
            (run + slot) * labelSizeMax + (labels.sizes[run + slot] as number),
          );
          this.put(`${isFirst ? '' : ', '}[${numberText(values[run + slot] as number)}`);
          this.#bytes.set(label, this.#at);
          this.#at += label.length;
          isFirst = false;
        }
      }
    }
  }

  #room(size: number): void {
    if (this.#at + size <= this.#bytes.length) return;
    const wider = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + size));
    this.#bytes.copy(wider, 0, 0, this.#at);
    this.#bytes = wider;
  }
}

interface Kernel {
  readonly writePoints: (from: number, count: number, isFirst: number, noNulls: number) => number;
  readonly stoppedAt: { readonly value: number };
  readonly SLOTS: { readonly value: number };
  readonly VALUES: { readonly value: number };
  readonly LABELS: { readonly value: number };
  readonly SIZES: { readonly value: number };
  readonly OUT: { readonly value: number };
}

const wasm = new WebAssembly.Memory({ initial: 8 });
const code = new WebAssembly.Module(readFileSync(new URL('json-points.wasm', import.meta.url)));
const kernel = new WebAssembly.Instance(code, { env: { memory: wasm } }).exports as unknown as Kernel;
const runSlots = kernel.SLOTS.value;
const memory = new Uint8Array(wasm.buffer);
const runValues = new Float64Array(wasm.buffer, kernel.VALUES.value, runSlots);
// Series of one answer mostly share their labels: those of the last run are left where they are.
let held: { readonly labels: Labels | undefined; readonly run: number } = { labels: undefined, run: 0 };

function setRun(values: Float64Array, labels: Labels, run: number): void {
  runValues.set(values);
  if (held.labels === labels && held.run === run) return;
  memory.set(labels.bytes.subarray(run * labelSizeMax, (run + values.length) * labelSizeMax), kernel.LABELS.value);
  memory.set(labels.sizes.subarray(run, run + values.length), kernel.SIZES.value);
  held = { labels, run };
}
