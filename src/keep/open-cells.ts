/**
 * Open cells: what is in the journal and not yet in chunks, in memory, in order of arrival, linked by series (each entry names the one before it of the
 * same series). A reader follows a series' entries; a fold empties the whole. 28 bytes an event.
 */

import { type Measures, mergeMeasure, replaceMeasure, setMeasure, zeroMeasures } from '../fold/measure.js';
import { OpenStates } from './open-states.js';
import type { Batch, CellCodec, PartKind } from './store.js';

/** Cells of one series, one a slot, in order of slot. */
export interface Gathered {
  count: number;
  slots: Float64Array;
  cells: Measures;
}

export interface OpenPart {
  readonly kind: PartKind;
  readonly series: number;
  readonly slot: number;
  bytes: Uint8Array;
}

const walkMax = 200;

export class OpenCells {
  count = 0;
  #heads = new Int32Array(1024).fill(-1);
  #before = new Int32Array(4096);
  #slots = new Uint32Array(4096);
  #lastAts = new Uint32Array(4096);
  #values = new Float64Array(4096);
  /** Where the five fields of a cell of several events stand, or -1. */
  #fulls = new Int32Array(4096);
  #fields = new Float64Array(1024);
  #fieldCount = 0;
  readonly parts = new Map<string, OpenPart>();
  readonly partsOf = new Map<number, OpenPart[]>();
  seriesMax = 0;
  readonly states = new OpenStates();

  add(series: number, slot: number, lastAt: number, count: number, sum: number, min: number, max: number, last: number): void {
    if (series >= this.#heads.length) this.#heads = widened(this.#heads, series + 1, -1);
    const at = this.count++;
    if (at >= this.#slots.length) this.#grow();
    this.#before[at] = this.#heads[series]!;
    this.#heads[series] = at;
    this.#slots[at] = slot;
    this.#lastAts[at] = lastAt;
    this.#values[at] = last;
    if (series >= this.seriesMax) this.seriesMax = series + 1;
    if (count === 1 && sum === last && min === last && max === last) {
      this.#fulls[at] = -1;
      return;
    }
    this.#fulls[at] = this.#fieldCount;
    if (this.#fieldCount + 4 > this.#fields.length) this.#fields = doubled(this.#fields);
    const fields = this.#fields;
    fields[this.#fieldCount++] = count;
    fields[this.#fieldCount++] = sum;
    fields[this.#fieldCount++] = min;
    fields[this.#fieldCount++] = max;
  }

  /** Adds a cell in the bytes of its kind; the codec merges it with what its slot holds. */
  addPart(kind: PartKind, series: number, slot: number, bytes: Uint8Array, codec: CellCodec | undefined): void {
    const key = `${kind}@${series}@${slot}`;
    const held = this.parts.get(key);
    if (held !== undefined) {
      if (codec !== undefined) held.bytes = codec.merge(held.bytes, bytes);
      return;
    }
    const part: OpenPart = { kind, series, slot, bytes };
    this.parts.set(key, part);
    const list = this.partsOf.get(series);
    if (list === undefined) this.partsOf.set(series, [part]);
    else list.push(part);
  }

  has(series: number): boolean {
    return series < this.#heads.length && this.#heads[series] !== -1;
  }

  /** Whether one of the newest cells of a series has this slot and newest second. */
  holds(series: number, slot: number, lastAt: number): boolean {
    if (!this.has(series)) return false;
    let at = this.#heads[series]!;
    // In order of time nothing is looked for: the newest cell is of an earlier slot.
    for (let left = walkMax; at >= 0 && left > 0 && this.#slots[at]! >= slot; left--, at = this.#before[at]!)
      if (this.#slots[at] === slot && this.#lastAts[at] === lastAt) return true;
    return false;
  }

  /** The cells of a series with slots in `[start, end)`, merged by slot, into `into`. */
  gather(series: number, start: number, end: number, replaces: boolean, into: Gathered): void {
    into.count = 0;
    if (!this.has(series)) return;
    const found: number[] = [];
    let sorted = true;
    for (let at = this.#heads[series]!; at >= 0; at = this.#before[at]!) {
      const slot = this.#slots[at]!;
      if (slot < start || slot >= end) continue;
      if (found.length > 0 && slot > this.#slots[found[found.length - 1]!]!) sorted = false;
      found.push(at);
    }
    found.reverse();
    if (replaces) this.#keepLatest(found);
    else if (!sorted) found.sort((one, two) => this.#slots[one]! - this.#slots[two]! || one - two);
    if (into.slots.length < found.length) {
      into.slots = new Float64Array(found.length * 2);
      into.cells = zeroMeasures(found.length * 2);
    }
    for (const at of found) this.#join(at, replaces, into);
  }

  // Of single points of the same second the one that came last, in order of time.
  #keepLatest(found: number[]): void {
    found.sort((one, two) => this.#slots[one]! - this.#slots[two]! || this.#lastAts[one]! - this.#lastAts[two]! || one - two);
    let kept = 0;
    for (const [index, at] of found.entries()) {
      const next = found[index + 1];
      const isReplaced =
        next !== undefined &&
        this.#slots[next] === this.#slots[at] &&
        this.#lastAts[next] === this.#lastAts[at] &&
        this.#fulls[at] === -1 &&
        this.#fulls[next] === -1;
      if (!isReplaced) found[kept++] = at;
    }
    found.length = kept;
  }

  #join(at: number, replaces: boolean, into: Gathered): void {
    const slot = this.#slots[at]!;
    const isNew = into.count === 0 || into.slots[into.count - 1] !== slot;
    if (isNew) into.slots[into.count++] = slot;
    const cells = isNew ? into.cells : one;
    const to = isNew ? into.count - 1 : 0;
    const last = this.#values[at]!;
    const full = this.#fulls[at]!;
    if (full < 0) setMeasure(cells, to, 1, last, last, last, last, this.#lastAts[at]!, 1);
    else {
      const fields = this.#fields;
      setMeasure(cells, to, fields[full]!, fields[full + 1]!, fields[full + 2]!, fields[full + 3]!, last, this.#lastAts[at]!, 1);
    }
    if (!isNew) (replaces ? replaceMeasure : mergeMeasure)(into.cells, into.count - 1, one, 0);
  }

  #grow(): void {
    this.#before = doubled(this.#before);
    this.#slots = doubled(this.#slots);
    this.#lastAts = doubled(this.#lastAts);
    this.#values = doubled(this.#values);
    this.#fulls = doubled(this.#fulls);
  }
}

/** Cells of stamped series whose slot holds one of the same newest second in a generation. `ids` are the series' numbers, -1 for what is left out. */
export function repeatsAmong(cells: Batch['cells'], ids: Int32Array, young: OpenCells, old: OpenCells | undefined): number {
  const { measures, isStamped } = cells ?? {};
  let repeated = 0;
  if (measures === undefined || isStamped === undefined) return repeated;
  for (let at = 0; at < measures.count; at++) {
    const [id, slot, lastAt] = [ids[at]!, measures.slot[at]!, measures.lastAts[at]!];
    if (id < 0 || !(young.holds(id, slot, lastAt) || old?.holds(id, slot, lastAt) === true)) continue;
    if (isStamped(measures.series[at]!)) repeated++;
  }
  return repeated;
}

const one = zeroMeasures(1);

export function emptyGathered(): Gathered {
  return { count: 0, slots: new Float64Array(0), cells: zeroMeasures(0) };
}

type Column = Int32Array | Uint32Array | Float64Array;

function doubled<T extends Column>(old: T): T {
  const wider = new (old.constructor as new (size: number) => T)(old.length * 2);
  wider.set(old);
  return wider;
}

function widened(old: Int32Array, least: number, fill: number): Int32Array<ArrayBuffer> {
  const wider = new Int32Array(Math.max(old.length * 2, least)).fill(fill);
  wider.set(old);
  return wider;
}
