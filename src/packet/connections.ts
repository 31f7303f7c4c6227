/** The table of TCP tuples that are remembered, kept to what is alive: rebuilt (larger if need be) when three quarters of it are used. */

import type { Arena } from './arena.js';

const entryBytes = 32;
const leastCapacity = 4096;

/** Where a record's connection stands. */
export interface Entered {
  readonly sequence: number;
  /** Packets of the same connection before. */
  readonly before: number;
  /** Bit 0: overlaps an earlier record; bit 1: a later connection of the same tuple. */
  readonly verdict: number;
}

export class Connections {
  readonly #arena: Arena;
  #capacity = leastCapacity;
  #table: number;
  #spare: number | undefined;

  constructor(arena: Arena, timeoutNs: bigint) {
    this.#arena = arena;
    this.#table = arena.allocate(leastCapacity * entryBytes);
    arena.tuple.begin(this.#table, this.#capacity, timeoutNs);
  }

  /** Enters a record of the arena that begins at `firstNs`; see the kernel. */
  enter(record: number, lastAt: number, advance: number, firstNs: bigint): Entered {
    const { tuple } = this.#arena;
    if (tuple.usedCount() * 4 >= this.#capacity * 3) this.#rebuild(firstNs);
    const sequence = tuple.enter(record, lastAt, advance) >>> 0;
    return { sequence, before: tuple.before() >>> 0, verdict: tuple.judgement() };
  }

  #rebuild(nowNs: bigint): void {
    const { tuple } = this.#arena;
    const alive = tuple.aliveCount(nowNs);
    const capacity = alive * 2 > this.#capacity ? this.#capacity * 2 : this.#capacity;
    const to = capacity === this.#capacity && this.#spare !== undefined ? this.#spare : this.#arena.allocate(capacity * entryBytes);
    tuple.rebuild(to, capacity, nowNs);
    if (capacity === this.#capacity) this.#spare = this.#table;
    else {
      this.#arena.release(this.#table, this.#capacity * entryBytes);
      if (this.#spare !== undefined) this.#arena.release(this.#spare, this.#capacity * entryBytes);
      this.#spare = undefined;
    }
    this.#table = to;
    this.#capacity = capacity;
  }
}
