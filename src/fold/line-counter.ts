/**
 * Drives the counting kernel (`count-lines.as.ts`): gives it memory, the steps of a format, the lists to make and the period of a time,
 * and reads counts and top keys out of it. Lines that the kernel leaves go to `hard`; when its table is full, `drain` gets all keys as
 * texts and the table begins anew, so that memory is bounded whatever the lines hold.
 */

import { readFileSync } from 'node:fs';
import { searchEngines } from '../collect/keyword.js';
import type { LogPlan } from '../collect/log-plan.js';
import { type KeyField, type KeyOptions, type KeySpec, keySizeMax } from './hit-keys.js';
import { state, writePlan } from './line-plan.js';
import type { TallyReading } from './tally.js';

interface Kernel {
  scan(start: number, end: number): number;
  why(): number;
  resetTime(): void;
  insert(group: number, at: number, size: number, count: number): number;
  countOf(group: number, at: number, size: number): number;
  place(slots: number): void;
  addName(index: number): void;
}

const specsAt = 4096;
const namesAt = 4608;
const enginesAt = 8192;
const periodsAt = 0x10000;
const inputAt = 0x400000;
const slotsAt = 0x1000000;
const keyScratchAt = 0x380000;
const slotsFirst = 4096;

/** Periods that the kernel's table of figures has room for. */
export const kernelPeriodsMax = 16384;
/** Bytes that `input` holds. */
export const inputBytes = slotsAt - inputAt - 4096;

/** Why the kernel stopped. */
export type Stop = 'more' | 'hard' | 'period' | 'full' | 'offset';
const stops: readonly Stop[] = ['more', 'hard', 'period', 'full', 'offset'];

const fieldNumbers: Readonly<Record<KeyField, number>> = {
  url: 32,
  keyword: 33,
  host: 1,
  user: 2,
  vhost: 3,
  status: 6,
  referer: 8,
  agent: 9,
  method: 10,
};

/** The bin of the time served that a key of its group stands for. */
export function binOf(key: string): number {
  return key.charCodeAt(0) + 256 * key.charCodeAt(1);
}

let compiled: WebAssembly.Module | undefined;

// Room for keys that is taken at first; the kernel takes more of the bound when it needs it.
const arenaBytesFirst = 8 << 20;
const pageBytes = 1 << 16;

export class LineCounter {
  readonly #memory: WebAssembly.Memory;
  readonly #kernel: Kernel;
  bytes = Buffer.alloc(0);
  #ints = new Int32Array(0);
  #floats = new Float64Array(0);
  readonly #specs: readonly KeySpec[];
  readonly #arenaStart: number;

  /** `memoryBytes` bounds the table and its keys. */
  constructor(specs: readonly KeySpec[], keys: KeyOptions, memoryBytes: number) {
    const bound = Math.min(Math.max(memoryBytes, 1 << 20), 3 * 2 ** 30);
    const slotsMax = 2 ** Math.max(12, Math.floor(Math.log2(bound / 4 / 8)));
    this.#arenaStart = slotsAt + slotsMax * 8;
    const limit = Math.floor((this.#arenaStart + bound - slotsMax * 8) / pageBytes) * pageBytes;
    const end = Math.ceil(Math.min(limit, this.#arenaStart + arenaBytesFirst) / pageBytes) * pageBytes;
    // One page more: keys are read eight bytes at a time.
    const memory = new WebAssembly.Memory({ initial: end / pageBytes + 1 });
    this.#memory = memory;
    compiled ??= new WebAssembly.Module(readFileSync(new URL('count-lines.wasm', import.meta.url)));
    this.#kernel = new WebAssembly.Instance(compiled, { env: { memory } }).exports as unknown as Kernel;
    this.#view();
    this.#specs = specs;
    this.#set(4, specs.length);
    specs.forEach((spec, index) => {
      this.bytes.set([spec.fields.length, ...spec.fields.map((field) => fieldNumbers[field])], specsAt + index * 16);
    });
    this.#set(8, keys.keywordParameters.length);
    for (const [index, name] of keys.keywordParameters.entries()) this.#text(namesAt + index * 32, name);
    this.#set(12, keys.engines ? searchEngines.length : 0);
    searchEngines.forEach(([label, parameters], index) => {
      this.#text(enginesAt + index * 64, label);
      this.bytes[enginesAt + index * 64 + 16] = parameters.length;
      for (const [place, name] of parameters.entries()) this.#text(enginesAt + index * 64 + 17 + place * 8, name);
    });
    this.#set(24, slotsMax);
    this.#set(36, end);
    this.#set(92, limit);
    this.#set(72, keys.withQuery ? 1 : 0);
    this.#set(80, keySizeMax);
    this.#set(84, this.#arenaStart);
    this.#set(32, this.#arenaStart);
    this.#kernel.place(slotsFirst);
    this.setPeriod(-1, 0, 0);
  }

  /** Where lines are put; they are scanned by their offsets in it. */
  get input(): Buffer {
    return this.bytes.subarray(inputAt, inputAt + inputBytes);
  }

  /** Says how the lines that follow are built; the plan is one that `kernelCan` read. */
  setPlan(plan: LogPlan): void {
    writePlan(plan, this.#specs, {
      bytes: this.bytes,
      setInt: (offset, value) => this.#set(offset, value),
      setFloat: (offset, value) => this.#setFloat(offset, value),
      addName: (index) => this.#kernel.addName(index),
    });
  }

  /** The period of lines from now on, for times in [lowMs, highMs); -1: they do not count. */
  setPeriod(index: number, lowMs: number, highMs: number): void {
    this.#set(16, index);
    this.#setFloat(56, lowMs);
    this.#setFloat(64, highMs);
    this.#kernel.resetTime();
  }

  /** How far local time is ahead of UTC, for local times in [lowMs, highMs). */
  setOffset(offsetMs: number, lowMs: number, highMs: number): void {
    this.#setFloat(112, lowMs);
    this.#setFloat(120, highMs);
    this.#setFloat(128, offsetMs);
  }

  /** Counts complete lines of the input in [start, end); says where it stopped and why. The byte at `end` is overwritten. */
  scan(start: number, end: number): { at: number; stop: Stop } {
    const at = this.#kernel.scan(inputAt + start, inputAt + end) - inputAt;
    this.#view();
    return { at, stop: stops[this.#kernel.why()] ?? 'hard' };
  }

  /** The time, in milliseconds, that no period was set for; or the local time that no offset was. */
  get timeMs(): number {
    return this.#floats[(state + 48) / 8] ?? 0;
  }
  /** Lines counted. */
  get lines(): number {
    return this.#floats[(state + 40) / 8] ?? 0;
  }
  /** Lines passed since the last `restartNumber`, blank ones included. */
  get number(): number {
    return this.#floats[(state + 96) / 8] ?? 0;
  }
  set number(value: number) {
    this.#floats[(state + 96) / 8] = value;
  }

  /** Requests, bytes and the ten status classes of a period. */
  figures(period: number): Float64Array {
    return this.#floats.subarray(periodsAt / 8 + period * 16, periodsAt / 8 + period * 16 + 12);
  }

  /** Adds to a key (a byte string); false when there is no room. */
  insert(group: number, key: string, count: number): boolean {
    this.bytes.write(key, keyScratchAt, 'latin1');
    return this.#insert(group, key.length, count);
  }

  /** The count of a key (a byte string). */
  countOf(group: number, key: string): number {
    this.bytes.write(key, keyScratchAt, 'latin1');
    return this.#kernel.countOf(group, keyScratchAt, key.length);
  }

  /** Calls `each` for every key (a byte string). */
  drain(each: (group: number, key: string, count: number) => void): void {
    for (let at = this.#arenaStart; at < this.#arenaAt; at = this.#next(at)) {
      const size = this.#ints[(at + 12) >>> 2] ?? 0;
      each(this.#ints[(at + 8) >>> 2] ?? 0, this.bytes.toString('latin1', at + 16, at + 16 + size), this.#floats[at / 8] ?? 0);
    }
  }

  /** Bins of the time served, and their counts, by period. */
  timesServed(): Map<number, Map<number, number>> {
    const times = new Map<number, Map<number, number>>();
    const width = this.#specs.length + 1;
    for (let at = this.#arenaStart; at < this.#arenaAt; at = this.#next(at)) {
      const group = this.#ints[(at + 8) >>> 2] ?? 0;
      if (group % width !== width - 1) continue;
      const period = Math.floor(group / width);
      const bins = times.get(period) ?? new Map<number, number>();
      times.set(period, bins.set((this.#ints[(at + 16) >>> 2] ?? 0) & 0xffff, this.#floats[at / 8] ?? 0));
    }
    return times;
  }

  /** The group of a period's list; that after the lists holds the bins of the time served. */
  groupOf(period: number, list: number): number {
    return period * (this.#specs.length + 1) + list;
  }

  /** The period of a group and its list; undefined: the bins of the time served. */
  listOf(group: number): { readonly period: number; readonly list: number; readonly spec: KeySpec | undefined } {
    const list = group % (this.#specs.length + 1);
    return { period: Math.floor(group / (this.#specs.length + 1)), list, spec: this.#specs[list] };
  }

  /** The entries as they stand, for `absorb` of another counter of the same lists. */
  entries(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.bytes.buffer.slice(this.#arenaStart, this.#arenaAt) as ArrayBuffer);
  }

  /** Adds the entries of another counter; `groupOf` renames its groups. False: no room for all (then what went in is in). */
  absorb(entries: Uint8Array, groupOf: (group: number) => number, spill: (group: number, key: string, count: number) => void): void {
    const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
    for (let at = 0; at < entries.length; ) {
      const size = view.getUint32(at + 12, true);
      const group = groupOf(view.getUint32(at + 8, true));
      const count = view.getFloat64(at, true);
      this.bytes.set(entries.subarray(at + 16, at + 16 + size), keyScratchAt);
      if (!this.#insert(group, size, count)) {
        spill(group, this.bytes.toString('latin1', keyScratchAt, keyScratchAt + size), count);
      }
      at += 16 + ((size + 7) & ~7);
    }
  }

  /** Forgets all keys, and the figures of the first `periods`. */
  clear(periods = kernelPeriodsMax): void {
    this.bytes.fill(0, periodsAt, periodsAt + periods * 128);
    this.#set(32, this.#arenaStart);
    this.#set(28, 0);
    this.#kernel.place(slotsFirst);
  }

  /** The `n` greatest keys of every group, as exact readings. */
  readings(n: number): Map<number, TallyReading> {
    const groups = new Map<number, { total: number; keys: number; tops: number[] }>();
    const end = this.#arenaAt;
    const ints = this.#ints;
    const floats = this.#floats;
    let number = -1;
    let group = { total: 0, keys: 0, tops: [] as number[] };
    for (let at = this.#arenaStart; at < end; at += 16 + (((ints[(at + 12) >>> 2] ?? 0) + 7) & ~7)) {
      if (ints[(at + 8) >>> 2] !== number) {
        number = ints[(at + 8) >>> 2] ?? 0;
        group = groups.get(number) ?? { total: 0, keys: 0, tops: [] };
        groups.set(number, group);
      }
      const count = floats[at / 8] ?? 0;
      group.total += count;
      group.keys += 1;
      if (group.tops.length < n || count >= (floats[(group.tops[n - 1] ?? 0) / 8] ?? 0)) this.#rank(group.tops, at, n);
    }
    const readings = new Map<number, TallyReading>();
    for (const [number, { total, keys, tops }] of groups) {
      const top = tops.map((at) => ({ key: this.#keyAt(at), count: this.#floats[at / 8] ?? 0, error: 0 }));
      const shown = top.reduce((sum, row) => sum + row.count, 0);
      readings.set(number, { total, exact: true, error: 0, other: total - shown, distinctKeys: keys, top });
    }
    return readings;
  }

  // Keeps `tops` the n greatest entries in order: by count, then by the bytes of the key.
  #rank(tops: number[], at: number, n: number): void {
    if (n === 0) return;
    if (tops.length === n && !this.#before(at, tops[n - 1] ?? 0)) return;
    let low = 0;
    let high = tops.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#before(at, tops[middle] ?? 0)) high = middle;
      else low = middle + 1;
    }
    if (tops.length === n) tops.pop();
    tops.splice(low, 0, at);
  }

  #before(one: number, two: number): boolean {
    const difference = (this.#floats[one / 8] ?? 0) - (this.#floats[two / 8] ?? 0);
    if (difference !== 0) return difference > 0;
    const sizeOne = this.#ints[(one + 12) >>> 2] ?? 0;
    const sizeTwo = this.#ints[(two + 12) >>> 2] ?? 0;
    return this.bytes.compare(this.bytes, two + 16, two + 16 + sizeTwo, one + 16, one + 16 + sizeOne) < 0;
  }

  #keyAt(at: number): string {
    return this.bytes.toString('latin1', at + 16, at + 16 + (this.#ints[(at + 12) >>> 2] ?? 0));
  }

  #next(at: number): number {
    return at + 16 + (((this.#ints[(at + 12) >>> 2] ?? 0) + 7) & ~7);
  }

  // Adds to the key that stands in the scratch.
  #insert(group: number, size: number, count: number): boolean {
    const done = this.#kernel.insert(group, keyScratchAt, size, count) !== 0;
    this.#view();
    return done;
  }

  // The kernel's memory, anew where it has grown.
  #view(): void {
    const { buffer } = this.#memory;
    if (this.#ints.buffer === buffer) return;
    this.bytes = Buffer.from(buffer);
    this.#ints = new Int32Array(buffer);
    this.#floats = new Float64Array(buffer);
  }

  get #arenaAt(): number {
    return (this.#ints[(state + 32) >>> 2] ?? 0) >>> 0;
  }

  #set(offset: number, value: number): void {
    this.#ints[(state + offset) >>> 2] = value;
  }

  #setFloat(offset: number, value: number): void {
    this.#floats[(state + offset) / 8] = value;
  }

  #text(at: number, text: string): void {
    this.bytes[at] = text.length;
    this.bytes.write(text, at + 1, 'latin1');
  }
}
