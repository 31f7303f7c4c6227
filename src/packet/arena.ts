/**
 * One WebAssembly memory that the packet kernels share, the kernels themselves, and regions within it.
 * Regions begin above the kernels' own data; what one leaves when it grows is given out again. Growing the memory replaces its buffer, so views are asked for anew.
 */

import { readFileSync } from 'node:fs';
import { Refused } from '../base/faults.js';

/** The scheduler's exports; times are nanoseconds since the epoch. */
export interface ScheduleKernel {
  place(clocks: number, list: number, draws: number, spacing: number, seed: bigint): void;
  windRecord(record: number, slot: number, skip: number): void;
  lastOf(slot: number): bigint;
  nextOf(slot: number): bigint;
  countBefore(slot: number, time: bigint): number;
  compact(length: number, free: number, freeCount: number): number;
  earliest(): bigint;
  generate(length: number, start: bigint, end: bigint, keys: number, capacity: number, window: number, again: number): number;
  more(): number;
  order(keys: number, count: number, out: number, buckets: number, bucketCount: number, shift: bigint): void;
}

export interface FrameKernel {
  place(frames: number, tails: number, list: number, format: number, snap: number, onlyHeaders: number, origin: bigint): void;
  build(keys: number, from: number, count: number, start: bigint, out: number, capacity: number): number;
  writtenBytes(): number;
}

export interface TupleKernel {
  begin(directory: number, timeout: bigint): void;
  place(index: number, at: number, capacity: number): void;
  aliveCount(index: number, now: bigint): number;
  rebuild(index: number, at: number, capacity: number, now: bigint): void;
  tableOf(record: number): number;
  enter(record: number, lastAt: number, advance: number): number;
  before(): number;
  judgement(): number;
}

const pageBytes = 65536;
/** Below this lie the kernels' constants. */
const firstBytes = 2 * pageBytes;

export class Arena {
  readonly memory = new WebAssembly.Memory({ initial: 4, maximum: 65536 });
  readonly schedule: ScheduleKernel;
  readonly frame: FrameKernel;
  readonly tuple: TupleKernel;
  #words = new Uint32Array(this.memory.buffer);
  #next = firstBytes;
  /** Regions given back, in order of place, none beside another. */
  #free: { at: number; sizeBytes: number }[] = [];

  constructor() {
    this.schedule = this.#load('schedule') as unknown as ScheduleKernel;
    this.frame = this.#load('frame') as unknown as FrameKernel;
    this.tuple = this.#load('tuples') as unknown as TupleKernel;
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.memory.buffer);
  }

  /** The same as 32-bit words, in the order of this machine and of WebAssembly. */
  get words(): Uint32Array {
    if (this.#words.buffer !== this.memory.buffer) this.#words = new Uint32Array(this.memory.buffer);
    return this.#words;
  }

  /** A zeroed region of `sizeBytes`, aligned to 64 (a cache line). Throws Refused when 4 GiB are used up. */
  allocate(sizeBytes: number): number {
    const size = lines(sizeBytes);
    const place = this.#free.findIndex((region) => region.sizeBytes >= size);
    const region = this.#free[place];
    if (region !== undefined) {
      const from = region.at;
      region.at += size;
      region.sizeBytes -= size;
      if (region.sizeBytes === 0) this.#free.splice(place, 1);
      this.bytes.fill(0, from, from + size);
      return from;
    }
    const at = this.#next;
    const end = at + size;
    const missing = end - this.memory.buffer.byteLength;
    if (missing > 0) {
      if (end > 65536 * pageBytes) throw new Refused(`more flows are open at once than 4 GiB can hold`);
      this.memory.grow(Math.ceil(missing / pageBytes));
    }
    this.#next = end;
    return at;
  }

  /** A larger region that begins with what the old one holds. */
  regrow(at: number, sizeBytes: number, largerBytes: number): number {
    const to = this.allocate(largerBytes);
    this.bytes.copyWithin(to, at, at + sizeBytes);
    this.release(at, sizeBytes);
    return to;
  }

  /** Gives a region of `sizeBytes` back. */
  release(at: number, sizeBytes: number): void {
    if (sizeBytes === 0) return;
    const regions = [...this.#free, { at, sizeBytes: lines(sizeBytes) }].sort((left, right) => left.at - right.at);
    this.#free = [];
    for (const region of regions) {
      const before = this.#free.at(-1);
      if (before !== undefined && before.at + before.sizeBytes === region.at) before.sizeBytes += region.sizeBytes;
      else this.#free.push(region);
    }
  }

  #load(name: string): Record<string, unknown> {
    const code = readFileSync(new URL(`./${name}.wasm`, import.meta.url));
    const abort = (): never => {
      throw new Error(`kernel ${name} stopped`);
    };
    return new WebAssembly.Instance(new WebAssembly.Module(code), { env: { memory: this.memory, abort } }).exports;
  }
}

/** Whole cache lines. */
function lines(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 64) * 64;
}
