/**
 * Groups of flows with their exact sums: an open-addressing hash over keys of a fixed number of 32-bit words, all in typed arrays.
 *
 *   keys     | w0 w1 .. | w0 w1 .. |      `words` words a group, in order of first appearance
 *   figures  | flows | packets | bytes | packetsRev | bytesRev | first s, ns | last s, ns |   a column each
 *   slots    | group + 1 or 0 |           a power of two long, at most half full
 *
 * The law: folding is exact (whole numbers to 2^53) and does not depend on how the rows are cut into batches. No object a group.
 */

import { Refused } from '../base/faults.js';

/** The columns of a batch that are summed: as many rows as keys are given. */
export interface SummedColumns {
  readonly firstSeconds: Uint32Array;
  readonly firstNanos: Uint32Array;
  readonly lastSeconds: Uint32Array;
  readonly lastNanos: Uint32Array;
  readonly packets: Float64Array;
  readonly bytes: Float64Array;
  readonly packetsRev?: Float64Array;
  readonly bytesRev?: Float64Array;
}

/** More groups than this are refused: their figures would not fit into memory. */
const groupsMax = 1 << 27;

export class FlowTable {
  /** Words of a key. */
  readonly words: number;
  /** Groups so far. */
  count = 0;
  keys: Uint32Array;
  flows = new Float64Array(1024);
  packets = new Float64Array(1024);
  bytes = new Float64Array(1024);
  packetsRev = new Float64Array(1024);
  bytesRev = new Float64Array(1024);
  firstSeconds = new Uint32Array(1024);
  firstNanos = new Uint32Array(1024);
  lastSeconds = new Uint32Array(1024);
  lastNanos = new Uint32Array(1024);
  #slots = new Uint32Array(4096);

  constructor(words: number) {
    this.words = words;
    this.keys = new Uint32Array(1024 * words);
  }

  /** Adds `count` rows; `keys` holds `words` words a row. */
  fold(keys: Uint32Array, rows: SummedColumns, count: number): void {
    for (let done = 0; done < count; ) {
      // Room for the worst case, so that the inner loop never asks: a group a row.
      const part = Math.min(count - done, 4096);
      this.#reserve(part);
      this.#foldPart(keys, rows, done, done + part);
      done += part;
    }
  }

  /** The group with this key (at word `at`), or -1. */
  find(key: Uint32Array, at = 0): number {
    const { words, keys } = this;
    const mask = this.#slots.length - 1;
    for (let slot = hashOf(key, at, words) & mask; ; slot = (slot + 1) & mask) {
      const group = this.#slots[slot]! - 1;
      if (group < 0) return -1;
      if (isSame(keys, group * words, key, at, words)) return group;
    }
  }

  /** The group with this key, made when there is none yet. */
  place(key: Uint32Array, at = 0): number {
    this.#reserve(1);
    const found = this.find(key, at);
    return found >= 0 ? found : this.#insert(key, at);
  }

  /** Adds one row to a group; `isReverse`: as its other direction. */
  add(group: number, rows: SummedColumns, row: number, isReverse: boolean): void {
    this.flows[group]! += 1;
    const [packets, bytes] = [rows.packets[row]!, rows.bytes[row]!];
    const [packetsRev, bytesRev] = [rows.packetsRev?.[row] ?? 0, rows.bytesRev?.[row] ?? 0];
    this.packets[group]! += isReverse ? packetsRev : packets;
    this.bytes[group]! += isReverse ? bytesRev : bytes;
    this.packetsRev[group]! += isReverse ? packets : packetsRev;
    this.bytesRev[group]! += isReverse ? bytes : bytesRev;
    this.#span(group, rows, row);
  }

  #foldPart(from: Uint32Array, rows: SummedColumns, start: number, end: number): void {
    const { words } = this;
    const { packets, bytes, flows, packetsRev, bytesRev } = this;
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let row = start; row < end; row++) {
      const at = row * words;
      let slot = hashOf(from, at, words) & mask;
      let group = slots[slot]! - 1;
      while (group >= 0 && !isSame(this.keys, group * words, from, at, words)) {
        slot = (slot + 1) & mask;
        group = slots[slot]! - 1;
      }
      if (group < 0) group = this.#insertAt(slot, from, at);
      flows[group]! += 1;
      packets[group]! += rows.packets[row]!;
      bytes[group]! += rows.bytes[row]!;
      this.#span(group, rows, row);
    }
    if (rows.packetsRev === undefined && rows.bytesRev === undefined) return;
    for (let row = start; row < end; row++) {
      const [more, moreBytes] = [rows.packetsRev?.[row] ?? 0, rows.bytesRev?.[row] ?? 0];
      if (more === 0 && moreBytes === 0) continue;
      const group = this.find(from, row * words);
      packetsRev[group]! += more;
      bytesRev[group]! += moreBytes;
    }
  }

  #span(group: number, rows: SummedColumns, row: number): void {
    const [first, firstNanos] = [rows.firstSeconds[row]!, rows.firstNanos[row]!];
    const held = this.firstSeconds[group]!;
    if (first < held || (first === held && firstNanos < this.firstNanos[group]!)) {
      this.firstSeconds[group] = first;
      this.firstNanos[group] = firstNanos;
    }
    const [last, lastNanos] = [rows.lastSeconds[row]!, rows.lastNanos[row]!];
    const heldLast = this.lastSeconds[group]!;
    if (last > heldLast || (last === heldLast && lastNanos > this.lastNanos[group]!)) {
      this.lastSeconds[group] = last;
      this.lastNanos[group] = lastNanos;
    }
  }

  #insert(key: Uint32Array, at: number): number {
    const mask = this.#slots.length - 1;
    let slot = hashOf(key, at, this.words) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    return this.#insertAt(slot, key, at);
  }

  #insertAt(slot: number, key: Uint32Array, at: number): number {
    const group = this.count++;
    this.#slots[slot] = group + 1;
    for (let word = 0; word < this.words; word++) this.keys[group * this.words + word] = key[at + word]!;
    this.firstSeconds[group] = 0xffffffff;
    this.firstNanos[group] = 0xffffffff;
    return group;
  }

  #reserve(more: number): void {
    const wanted = this.count + more;
    if (wanted > groupsMax) throw new Refused(`more than ${groupsMax} groups of flows (expected fewer: narrow the filter or the keys)`);
    if (wanted > this.flows.length) this.#grow(Math.max(this.flows.length * 2, wanted));
    if (wanted * 2 > this.#slots.length) this.#rehash(wanted);
  }

  #grow(capacity: number): void {
    this.keys = longer(this.keys, capacity * this.words);
    this.flows = longer(this.flows, capacity);
    this.packets = longer(this.packets, capacity);
    this.bytes = longer(this.bytes, capacity);
    this.packetsRev = longer(this.packetsRev, capacity);
    this.bytesRev = longer(this.bytesRev, capacity);
    this.firstSeconds = longer(this.firstSeconds, capacity);
    this.firstNanos = longer(this.firstNanos, capacity);
    this.lastSeconds = longer(this.lastSeconds, capacity);
    this.lastNanos = longer(this.lastNanos, capacity);
  }

  #rehash(wanted: number): void {
    let size = this.#slots.length;
    while (size < wanted * 2) size *= 2;
    const slots = new Uint32Array(size);
    const mask = size - 1;
    for (let group = 0; group < this.count; group++) {
      let slot = hashOf(this.keys, group * this.words, this.words) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = group + 1;
    }
    this.#slots = slots;
  }
}

function longer<T extends Uint32Array | Float64Array>(column: T, length: number): T {
  const made = column instanceof Uint32Array ? new Uint32Array(length) : new Float64Array(length);
  made.set(column);
  return made as T;
}

/** A multiply and shift a word, and a last mixing: addresses of one network differ in few bits. */
function hashOf(keys: Uint32Array, at: number, words: number): number {
  let hash = 0x9e3779b9;
  for (let word = 0; word < words; word++) {
    hash = Math.imul(hash ^ keys[at + word]!, 0x85ebca6b);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function isSame(left: Uint32Array, leftAt: number, right: Uint32Array, rightAt: number, words: number): boolean {
  for (let word = 0; word < words; word++) if (left[leftAt + word] !== right[rightAt + word]) return false;
  return true;
}
