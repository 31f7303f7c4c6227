/**
 * The TCP tuples that are remembered, in tables of their own (tuples.as.ts), each kept to what is alive: rebuilt, larger if need be, when thirteen
 * sixteenths of it are used. One table is rebuilt at a time, so the memory is that of the entries and little more.
 */

import type { Arena } from './arena.js';

const entryBytes = 32;
const rowBytes = 16;
const tables = 64;
const leastCapacity = 64;

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
  readonly #directory: number;

  constructor(arena: Arena, timeoutNs: bigint) {
    this.#arena = arena;
    this.#directory = arena.allocate(tables * rowBytes);
    arena.tuple.begin(this.#directory, timeoutNs);
    for (let index = 0; index < tables; index++) arena.tuple.place(index, arena.allocate(leastCapacity * entryBytes), leastCapacity);
  }

  /** Enters a record of the arena that begins at `firstNs`; see the kernel. */
  enter(record: number, lastAt: number, advance: number, firstNs: bigint): Entered {
    const { tuple } = this.#arena;
    const index = tuple.tableOf(record);
    const row = (this.#directory + index * rowBytes) >>> 2;
    const words = this.#arena.words;
    const capacity = words[row + 1]! + 1;
    if (words[row + 2]! * 16 >= capacity * 13) this.#rebuild(index, words[row]!, capacity, firstNs);
    const sequence = tuple.enter(record, lastAt, advance) >>> 0;
    return { sequence, before: tuple.before() >>> 0, verdict: tuple.judgement() };
  }

  #rebuild(index: number, table: number, capacity: number, nowNs: bigint): void {
    const { tuple } = this.#arena;
    const larger = tuple.aliveCount(index, nowNs) * 8 > capacity * 5 ? capacity * 2 : capacity;
    const to = this.#arena.allocate(larger * entryBytes);
    tuple.rebuild(index, to, larger, nowNs);
    this.#arena.release(table, capacity * entryBytes);
  }
}
