/**
 * What a run spans: least first, greatest packet time, totals; and from them the slice that a shard or a window asks for.
 *
 * With S the least `first` and D the greatest packet time + 1 ns - S, shard i of n is [S + floor((i-1)*D/n), S + floor(i*D/n)).
 */

import { Arena } from './arena.js';
import { clockBytes, recordAt, recordBytes, spacings } from './layout.js';
import type { PacketsOptions } from './packets.js';

/** A slice of time, ns since the epoch; an absent bound is none. */
export interface Slice {
  readonly fromNs?: bigint;
  readonly toNs?: bigint;
}

const billion = 1_000_000_000n;

export class SpanMeter {
  readonly #options: PacketsOptions;
  readonly #clock: ClockProbe | undefined;
  #firstSeconds = Infinity;
  #firstNanos = 0;
  #lastNs = -1n;
  #earliestNs = -1n;
  #flows = 0;
  #packets = 0;
  #bytes = 0;
  #capturedBytes = 0;

  /** `whole`: the time of each record's last packet is wanted too, which shards, plans and progress need. */
  constructor(options: PacketsOptions, whole: boolean) {
    this.#options = options;
    this.#clock = whole ? new ClockProbe(options) : undefined;
  }

  /** Takes a record that passed the gates. */
  add(bytes: Uint8Array, view: DataView, record: number): void {
    const seconds = view.getUint32(record + recordAt.firstSeconds, true);
    const nanos = view.getUint32(record + recordAt.firstNanos, true);
    if (seconds < this.#firstSeconds || (seconds === this.#firstSeconds && nanos < this.#firstNanos)) {
      this.#firstSeconds = seconds;
      this.#firstNanos = nanos;
    }
    if (this.#clock === undefined) return;
    const last = this.#clock.last(bytes, record);
    const earliest = this.#clock.earliest;
    if (this.#earliestNs < 0n || earliest < this.#earliestNs) this.#earliestNs = earliest;
    if (last > this.#lastNs) this.#lastNs = last;
    const count = view.getUint32(record + recordAt.packets, true);
    const total = view.getFloat64(record + recordAt.bytes, true);
    this.#flows++;
    this.#packets += count;
    this.#bytes += total;
    this.#capturedBytes += captured(count, total, this.#options);
  }

  firstNs(): bigint | undefined {
    return this.#firstSeconds === Infinity ? undefined : BigInt(this.#firstSeconds) * billion + BigInt(this.#firstNanos);
  }

  /** Time of the first packet of all: the least `first`, unless times are drawn. */
  originNs(): bigint | undefined {
    return this.#options.spacing === 'poisson' && this.#earliestNs >= 0n ? this.#earliestNs : this.firstNs();
  }

  /** Time of the last packet of all; known when a shard, a plan or progress asked for it. */
  lastNs(): bigint | undefined {
    return this.#lastNs < 0n ? undefined : this.#lastNs;
  }

  totals(): { flows: number; packets: number; bytes: number; capturedBytes: number } {
    return { flows: this.#flows, packets: this.#packets, bytes: this.#bytes, capturedBytes: this.#capturedBytes };
  }

  /** The part of the whole that lies before `timeNs`, from 0 to 1. */
  share(timeNs: bigint): number {
    const first = this.firstNs();
    if (first === undefined || this.#clock === undefined) return 0;
    if (this.#lastNs <= first) return 1;
    return Math.min(1, Math.max(0, Number(timeNs - first) / Number(this.#lastNs - first)));
  }

  /** The slice of shard and window together; undefined when nothing passed the gates. */
  slice(): Slice | undefined {
    const { shard, fromNs, toNs } = this.#options;
    if (shard === undefined) return { ...(fromNs === undefined ? {} : { fromNs }), ...(toNs === undefined ? {} : { toNs }) };
    const first = this.firstNs();
    if (first === undefined) return undefined;
    const span = this.#lastNs + 1n - first;
    const bound = (part: number): bigint => first + (BigInt(part) * span) / BigInt(shard.count);
    const [from, to] = [bound(shard.index - 1), bound(shard.index)];
    return { fromNs: fromNs !== undefined && fromNs > from ? fromNs : from, toNs: toNs !== undefined && toNs < to ? toNs : to };
  }
}

/** Estimated bytes in the capture: exact without snaplen. */
function captured(count: number, total: number, options: PacketsOptions): number {
  if (options.format === 'csv') return count * 80;
  const frames = total + count * 14;
  const limit = options.snaplen === 'headers' ? 54 : options.snaplen;
  const kept = limit === undefined ? frames : Math.min(frames, count * limit);
  return kept + count * (options.format === 'pcapng' ? 34 : 16);
}

/** Asks the scheduler's kernel for the time of a record's last packet. */
class ClockProbe {
  readonly #arena = new Arena();
  readonly #record: number;
  /** Time of the first packet of the record asked for last. */
  earliest = 0n;

  constructor(options: PacketsOptions) {
    const [clock, list, draw] = [clockBytes, 4, 8].map((size) => this.#arena.allocate(size)) as [number, number, number];
    this.#record = this.#arena.allocate(recordBytes);
    this.#arena.schedule.place(clock, list, draw, spacings[options.spacing ?? 'even'], BigInt(options.seed ?? 1));
  }

  last(bytes: Uint8Array, record: number): bigint {
    this.#arena.bytes.set(bytes.subarray(record, record + recordBytes), this.#record);
    this.#arena.schedule.windRecord(this.#record, 0, 0);
    this.earliest = BigInt.asUintN(64, this.#arena.schedule.nextOf(0));
    return BigInt.asUintN(64, this.#arena.schedule.lastOf(0));
  }
}
