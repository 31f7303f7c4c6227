/**
 * Sorts fixed-size records by time in bounded memory: in one buffer while they fit, through sorted runs in spill files when they do not.
 *
 * The key is the first 8 bytes of a record, u32 seconds and u32 nanoseconds (little-endian). The sort is stable, so records of equal
 * time keep the order of arrival. In memory: an LSD radix sort over an index, 16 bits a pass, skipped when the records came in order.
 * Spill files lie in `folder` and are unlinked when the sorter is closed.
 */

import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert } from './faults.js';

/** Records handed over at once. */
const chunkRecords = 4096;

interface Run {
  readonly startBytes: number;
  readonly sizeBytes: number;
}

export class RecordSorter {
  readonly #recordBytes: number;
  readonly #recordsMax: number;
  #buffer: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #count = 0;
  #isInOrder = true;
  #lastSeconds = 0;
  #lastNanos = 0;
  #descriptor: number | undefined;
  #folder: string | undefined;
  #spilledBytes = 0;
  readonly #runs: Run[] = [];

  /** `memoryBytes` bounds the buffers and what is left of them while they grow or are merged; `recordBytes` is a multiple of 4. */
  constructor(recordBytes: number, memoryBytes: number) {
    this.#recordBytes = recordBytes;
    this.#recordsMax = Math.max(chunkRecords, Math.floor(memoryBytes / 2 / (recordBytes + 8)));
    this.#buffer = new Uint8Array(chunkRecords * recordBytes);
    this.#view = new DataView(this.#buffer.buffer);
  }

  /** Records held in spill files, in bytes. */
  get spilledBytes(): number {
    return this.#spilledBytes;
  }

  /** Room for `count` more records (at most a few thousand): returns the offset in `bytes` to write them at. Follow with `added`. */
  reserve(count: number): number {
    if (this.#count + count > this.#recordsMax && this.#count > 0) this.#spill();
    const wanted = (this.#count + count) * this.#recordBytes;
    if (wanted > this.#buffer.length) {
      // A little at first, then the whole bound at once: the system gives pages only as they are written.
      const larger = new Uint8Array(Math.max(wanted, this.#recordsMax * this.#recordBytes));
      larger.set(this.#buffer.subarray(0, this.#count * this.#recordBytes));
      this.#buffer = larger;
      this.#view = new DataView(this.#buffer.buffer);
    }
    return this.#count * this.#recordBytes;
  }

  /** The buffer to write into; valid until the next `reserve`. */
  get bytes(): Uint8Array {
    return this.#buffer;
  }

  get view(): DataView {
    return this.#view;
  }

  /** Takes the bytes written behind the offset that `reserve` gave. */
  added(sizeBytes: number): void {
    assert(sizeBytes % this.#recordBytes === 0, 'whole records');
    for (let at = this.#count * this.#recordBytes, end = at + sizeBytes; at < end; at += this.#recordBytes) {
      const seconds = this.#view.getUint32(at, true);
      const nanos = this.#view.getUint32(at + 4, true);
      if (seconds < this.#lastSeconds || (seconds === this.#lastSeconds && nanos < this.#lastNanos)) this.#isInOrder = false;
      this.#lastSeconds = seconds;
      this.#lastNanos = nanos;
      this.#count++;
    }
  }

  /** All records in order, in chunks that are valid until the next is asked for. Ends the sorter's filling. */
  *sorted(): Generator<Uint8Array> {
    if (this.#runs.length === 0) {
      yield* this.#chunksInMemory();
      return;
    }
    if (this.#count > 0) this.#spill();
    this.#buffer = new Uint8Array(0);
    yield* this.#merge();
  }

  /** Removes the spill files. */
  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#descriptor = undefined;
    this.#folder = undefined;
  }

  *#chunksInMemory(): Generator<Uint8Array> {
    const size = this.#recordBytes;
    if (this.#isInOrder) {
      for (let at = 0; at < this.#count; at += chunkRecords)
        yield this.#buffer.subarray(at * size, Math.min(this.#count, at + chunkRecords) * size);
      return;
    }
    const index = sortIndex(this.#view, this.#count, size);
    const chunk = new Uint8Array(chunkRecords * size);
    for (let from = 0; from < this.#count; from += chunkRecords) {
      const to = Math.min(this.#count, from + chunkRecords);
      for (let place = from; place < to; place++) {
        const record = index[place]! * size;
        chunk.set(this.#buffer.subarray(record, record + size), (place - from) * size);
      }
      yield chunk.subarray(0, (to - from) * size);
    }
  }

  #spill(): void {
    if (this.#descriptor === undefined) {
      this.#folder = mkdtempSync(join(tmpdir(), 'weir-sort-'));
      this.#descriptor = openSync(join(this.#folder, 'runs'), 'wx+');
    }
    const startBytes = this.#spilledBytes;
    for (const chunk of this.#chunksInMemory()) {
      for (let done = 0; done < chunk.length; ) {
        const wrote = writeSync(this.#descriptor, chunk, done, chunk.length - done, this.#spilledBytes);
        done += wrote;
        this.#spilledBytes += wrote;
      }
    }
    this.#runs.push({ startBytes, sizeBytes: this.#spilledBytes - startBytes });
    this.#count = 0;
    this.#isInOrder = true;
    this.#lastSeconds = 0;
    this.#lastNanos = 0;
  }

  *#merge(): Generator<Uint8Array> {
    const size = this.#recordBytes;
    const descriptor = this.#descriptor;
    assert(descriptor !== undefined, 'a spill file');
    const perRun = Math.max(64, Math.floor(this.#recordsMax / this.#runs.length / 2));
    const readers = this.#runs.map((run) => new RunReader(descriptor, run, size, perRun));
    const heap = readers.filter((reader) => reader.fill()).map((_, place) => place);
    const before = (left: number, right: number): boolean =>
      readers[left]!.isBefore(readers[right]!) || (!readers[right]!.isBefore(readers[left]!) && left < right);
    for (let root = (heap.length >> 1) - 1; root >= 0; root--) sink(heap, root, before);
    const chunk = new Uint8Array(chunkRecords * size);
    let used = 0;
    while (heap.length > 0) {
      const reader = readers[heap[0]!]!;
      chunk.set(reader.bytes.subarray(reader.at, reader.at + size), used);
      used += size;
      if (!reader.advance()) {
        const last = heap.pop()!;
        if (heap.length > 0) heap[0] = last;
      }
      if (heap.length > 0) sink(heap, 0, before);
      if (used === chunk.length) {
        yield chunk;
        used = 0;
      }
    }
    if (used > 0) yield chunk.subarray(0, used);
  }
}

class RunReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #descriptor: number;
  readonly #size: number;
  #nextBytes: number;
  readonly #endBytes: number;
  #filled = 0;
  at = 0;

  constructor(descriptor: number, run: Run, size: number, records: number) {
    this.#descriptor = descriptor;
    this.#size = size;
    this.bytes = new Uint8Array(records * size);
    this.#view = new DataView(this.bytes.buffer);
    this.#nextBytes = run.startBytes;
    this.#endBytes = run.startBytes + run.sizeBytes;
  }

  fill(): boolean {
    const wanted = Math.min(this.bytes.length, this.#endBytes - this.#nextBytes);
    let done = 0;
    while (done < wanted) done += readSync(this.#descriptor, this.bytes, done, wanted - done, this.#nextBytes + done);
    this.#nextBytes += done;
    this.#filled = done;
    this.at = 0;
    return done > 0;
  }

  advance(): boolean {
    this.at += this.#size;
    return this.at < this.#filled || this.fill();
  }

  isBefore(other: RunReader): boolean {
    const mine = this.#view.getUint32(this.at, true);
    const theirs = other.#view.getUint32(other.at, true);
    return mine < theirs || (mine === theirs && this.#view.getUint32(this.at + 4, true) < other.#view.getUint32(other.at + 4, true));
  }
}

function sink(heap: number[], from: number, before: (left: number, right: number) => boolean): void {
  let root = from;
  for (;;) {
    let least = root;
    for (const child of [root * 2 + 1, root * 2 + 2]) if (child < heap.length && before(heap[child]!, heap[least]!)) least = child;
    if (least === root) return;
    [heap[root], heap[least]] = [heap[least]!, heap[root]!];
    root = least;
  }
}

/** Indices of `count` records in order of time, stable: LSD radix over nanoseconds, then seconds, 16 bits a pass. */
function sortIndex(view: DataView, count: number, size: number): Uint32Array {
  let index = new Uint32Array(count);
  let other = new Uint32Array(count);
  for (let place = 0; place < count; place++) index[place] = place;
  const offsets = new Uint32Array(65537);
  for (const [field, shift] of [
    [4, 0],
    [4, 16],
    [0, 0],
    [0, 16],
  ] as const) {
    offsets.fill(0);
    for (let place = 0; place < count; place++) offsets[((view.getUint32(place * size + field, true) >>> shift) & 0xffff) + 1]!++;
    if (offsets.includes(count)) continue;
    for (let digit = 0; digit < 65536; digit++) offsets[digit + 1]! += offsets[digit]!;
    for (let place = 0; place < count; place++) {
      const record = index[place]!;
      other[offsets[(view.getUint32(record * size + field, true) >>> shift) & 0xffff]!++] = record;
    }
    [index, other] = [other, index];
  }
  return index;
}
