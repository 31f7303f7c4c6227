/** Counts how many flows are open at once: a flow is open from its first to its last. A binary heap of ends over records in order of first. */

import { recordAt, recordBytes } from './layout.js';

export class OpenFlows {
  /** The most flows that were open at once. */
  peak = 0;
  #ends = new Float64Array(1024);
  #count = 0;
  #origin = -1;

  /** Takes a chunk of records in order of first. */
  add(chunk: Uint8Array): void {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let at = 0; at < chunk.length; at += recordBytes) {
      if (this.#origin < 0) this.#origin = view.getUint32(at, true);
      const first = (view.getUint32(at, true) - this.#origin) * 1e9 + view.getUint32(at + recordAt.firstNanos, true);
      const last = (view.getUint32(at + recordAt.lastSeconds, true) - this.#origin) * 1e9 + view.getUint32(at + recordAt.lastNanos, true);
      while (this.#count > 0 && this.#ends[0]! < first) this.#pop();
      this.#push(last);
      if (this.#count > this.peak) this.peak = this.#count;
    }
  }

  #push(end: number): void {
    if (this.#count === this.#ends.length) {
      const larger = new Float64Array(this.#ends.length * 2);
      larger.set(this.#ends);
      this.#ends = larger;
    }
    const ends = this.#ends;
    let place = this.#count++;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (ends[parent]! <= end) break;
      ends[place] = ends[parent]!;
      place = parent;
    }
    ends[place] = end;
  }

  #pop(): void {
    const ends = this.#ends;
    const end = ends[--this.#count]!;
    let place = 0;
    for (;;) {
      let child = place * 2 + 1;
      if (child >= this.#count) break;
      if (child + 1 < this.#count && ends[child + 1]! < ends[child]!) child++;
      if (ends[child]! >= end) break;
      ends[place] = ends[child]!;
      place = child;
    }
    ends[place] = end;
  }
}
